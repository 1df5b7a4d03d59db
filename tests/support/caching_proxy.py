"""A shared cache between visitors and a hub, as RFC 9111 allows it to be: it keeps whatever it may keep."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2

_CACHEABLE = {200, 203, 204, 300, 301, 302, 404, 405, 410, 414, 501}
_AGE = re.compile(r"(?:s-maxage|max-age)=(\d+)")


@dataclass
class Kept:
    answer: httpx2.Response
    varies_by: tuple[tuple[str, str], ...]
    fresh_until: float


@dataclass
class SharedCache:
    """`get` asks through the cache. `hits`: answers that came from it, the hub asked for no more than a 304."""

    client: httpx2.AsyncClient
    hits: int = 0
    _kept: dict[str, list[Kept]] = field(default_factory=dict)

    async def get(self, address: str, headers: Mapping[str, str]) -> httpx2.Response:
        kept = next((item for item in self._kept.get(address, []) if self._fits(item, headers)), None)
        if kept is not None and kept.fresh_until > time.monotonic():
            self.hits += 1
            return kept.answer
        ask = dict(headers)
        if kept is not None and "etag" in kept.answer.headers:
            ask["If-None-Match"] = kept.answer.headers["etag"]
        answer = await self.client.get(address, headers=ask)
        if answer.status_code == 304 and kept is not None:
            self.hits += 1
            return kept.answer
        self._keep(address, headers, answer)
        return answer

    def _fits(self, item: Kept, headers: Mapping[str, str]) -> bool:
        return all(_header(headers, name) == value for name, value in item.varies_by)

    def _keep(self, address: str, headers: Mapping[str, str], answer: httpx2.Response) -> None:
        control = answer.headers.get("cache-control", "").lower()
        varies = [name.strip().lower() for name in answer.headers.get("vary", "").split(",") if name.strip()]
        if answer.status_code not in _CACHEABLE or "no-store" in control or "private" in control or "*" in varies:
            return
        if _header(headers, "authorization") and not re.search(r"public|s-maxage|must-revalidate", control):
            return  # RFC 9111 §3.5
        age = _AGE.search(control)
        # Without a word on freshness a cache may guess (RFC 9111 §4.2.2); this one guesses a minute.
        lasts_s = 0.0 if "no-cache" in control else float(age[1]) if age else 60.0
        kept = Kept(answer, tuple((name, _header(headers, name)) for name in varies), time.monotonic() + lasts_s)
        self._kept.setdefault(address, []).append(kept)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")
