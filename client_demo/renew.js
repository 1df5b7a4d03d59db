/** On pages that do not follow: made as anybody sees it, while there is a session, it is asked for again with it. */

import { isStale, refresh } from "./session.js";

const root = document.documentElement;
const isRenewed = !root.dataset.account && isStale() && (await refresh().catch(() => null)) !== null;
if (isRenewed) location.reload();
else delete root.dataset.renewing;
