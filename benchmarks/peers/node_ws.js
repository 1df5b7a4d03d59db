// The hub people write in an afternoon with `ws` and `redis`: every message from Redis to every socket.
// Arguments: port, Redis URL.
const { WebSocketServer } = require("ws");
const { createClient } = require("redis");

const [port, url] = process.argv.slice(2);
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), perMessageDeflate: false, backlog: 4096 });
const redis = createClient({ url });
redis.connect().then(() =>
  redis.subscribe("bench", (message) => {
    for (const socket of server.clients) if (socket.readyState === 1) socket.send(message);
  }),
);
