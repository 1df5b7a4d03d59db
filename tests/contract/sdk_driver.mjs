// Drives the real `centrifuge` npm client: options as JSON in argv[2], commands on stdin, events on stdout.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const options = JSON.parse(process.argv[2]);
const require = createRequire(`${options.modules}/index.js`);
const { Centrifuge } = require(options.is_binary ? "centrifuge/build/protobuf" : "centrifuge");
const WebSocket = require("ws");
const { EventSource } = require("eventsource");

// In the binary encoding a payload is bytes, which hold the same JSON.
const read = (data) => (data instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(data)) : data);
const say = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
let giveToken = null;
const getToken = () => {
  say("needs_token");
  return new Promise((resolve) => { giveToken = resolve; });
};

const transports = options.transports.map(([transport, endpoint]) => ({ transport, endpoint }));
const client = new Centrifuge(transports.length ? transports : options.url, {
  websocket: WebSocket,
  eventsource: EventSource,
  emulationEndpoint: options.emulation_url,
  token: options.token ?? "",
  ...(options.has_tokens ? { getToken } : {}),
  minReconnectDelay: 50,
  maxReconnectDelay: 500,
  maxServerPingDelay: options.max_ping_delay_ms ?? 10000,
});
client.on("connecting", (c) => say("connecting", { code: c.code }));
client.on("connected", (c) => say("connected", { client: c.client, version: c.version, transport: c.transport }));
client.on("disconnected", (c) => say("disconnected", { code: c.code, reason: c.reason }));
client.on("error", (c) => say("error", { code: c.error.code }));

const sub = client.newSubscription(options.channel, { minResubscribeDelay: 50 });
sub.on("subscribed", (c) => say("subscribed", {
  data: read(c.data) ?? null,
  epoch: c.streamPosition?.epoch,
  offset: c.streamPosition?.offset,
  was_recovering: c.wasRecovering,
  recovered: c.recovered,
}));
sub.on("publication", (c) => say("publication", { offset: c.offset, data: read(c.data) }));
sub.on("subscribing", (c) => say("subscribing", { code: c.code }));
sub.on("unsubscribed", (c) => say("unsubscribed", { code: c.code, reason: c.reason }));
sub.on("error", (c) => say("subscription_error", { code: c.error.code }));

const commands = {
  token: ({ token }) => giveToken(token),
  unsubscribe: () => sub.unsubscribe(),
  subscribe: () => sub.subscribe(),
  disconnect: () => client.disconnect(),
  history: async ({ limit }) => {
    const result = await sub.history({ limit });
    say("history", { offsets: result.publications.map((p) => p.offset), offset: result.offset });
  },
};
createInterface({ input: process.stdin })
  .on("line", (line) => { const command = JSON.parse(line); commands[command.do](command); })
  .on("close", () => process.exit(0));

sub.subscribe();
client.connect();
