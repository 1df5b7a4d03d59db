// Every call of `statuspage.io`, as it is: node driver.mjs <node_modules> <address of a page>
import { createRequire } from "node:module";

const [modules, url] = process.argv.slice(2);
const { Statuspage } = createRequire(`${modules}/`)("statuspage.io");
const client = new Statuspage("acme");
client.setApiUrl(url);
const { api } = client;
console.log(JSON.stringify({
  summary: await api.getSummary(),
  status: await api.getStatus(),
  components: await api.getComponents(),
  incidents: await api.incidents.getAll(),
  unresolved: await api.incidents.getUnresolved(),
  upcoming: await api.scheduledMaintenances.getUpcoming(),
}));
