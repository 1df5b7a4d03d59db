"""Texts that want to be more than text: in HTML, in Markdown, in SQL, in paths."""

from html.parser import HTMLParser
from urllib.parse import unquote

RUN = "window.__ran=1"

# Each runs in some reader of HTML or Markdown that does not treat it as text.
SCRIPTS = (
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"</title><script>{RUN}</script>",
    f"</textarea><script>{RUN}</script>",
    f"--><script>{RUN}</script>",
    f"]]><script>{RUN}</script>",
    f"<ScRiPt >{RUN}</sCrIpT >",
    f"<script\x0b>{RUN}</script>",
    f"<<script>{RUN}//<</script>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    "<script src=//evil.example/x.js></script>",
    "<script src=data:text/javascript,window.__ran=1></script>",
    f"<img src=x onerror={RUN}>",
    f"<img src=x onerror='{RUN}'",
    f'"><img src=x onerror={RUN}>',
    f"'><img src=x onerror={RUN}>",
    f'" onmouseover="{RUN}" x="',
    f"' onfocus='{RUN}' autofocus='",
    f"` onload={RUN} `",
    f"<img/src=x/onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><a xlink:href='javascript:{RUN}'><text y=20>x</text></a></svg>",
    f"<svg><style><img src=x onerror={RUN}></style></svg>",
    f"<math><mtext></p><img src=x onerror={RUN}>",
    f"<math><maction actiontype=statusline xlink:href=javascript:{RUN}>x</maction></math>",
    f"<body onload={RUN}>",
    f"<iframe src=javascript:{RUN}></iframe>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<object data=javascript:{RUN}></object>",
    f"<embed src=javascript:{RUN}>",
    f"<form action=javascript:{RUN}><button>go</button></form>",
    f"<button formaction=javascript:{RUN}>go</button>",
    f"<input autofocus onfocus={RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<marquee onstart={RUN}>x</marquee>",
    f"<a href=javascript:{RUN}>x</a>",
    f"<a href='java\tscript:{RUN}'>x</a>",
    f"<a href=' javascript:{RUN}'>x</a>",
    f"<a href='&#106;avascript:{RUN}'>x</a>",
    f"<a href='data:text/html,<script>{RUN}</script>'>x</a>",
    f"<a href='vbscript:{RUN}'>x</a>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    f"<style>@import'//evil.example';</style><style onload={RUN}></style>",
    f"<template><img src=x onerror={RUN}></template>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<x contenteditable onblur={RUN}>x</x>",
    f"[x](javascript:{RUN})",
    f"[x](JaVaScRiPt:{RUN})",
    f"[x](java\nscript:{RUN})",
    f"[x](&#x6A;avascript:{RUN})",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    f"![x](javascript:{RUN})",
    f'![x](x "onerror={RUN}")',
    f"<javascript:{RUN}>",
    f"[x]: javascript:{RUN}\n\n[x]",
    f'[x](https://a.example/" onmouseover="{RUN})',
    f"`<script>{RUN}</script>`",
    f"```\n</code></pre><script>{RUN}</script>\n```",
    "{{7*7}}{%print(config)%}${7*7}#{7*7}<%=7*7%>",
    "\u202e\u2066<b>right to left</b>",
)

STATEMENTS = (
    "'",
    '"',
    "' OR '1'='1",
    "' OR 1=1--",
    "'; DROP TABLE page;--",
    "1; SELECT pg_sleep(9)--",
    "' UNION SELECT password_hash FROM account--",
    "\\",
    "%",
    "%27%20OR%201=1",
    "$1",
    ":slug",
    "{slug}",
    "x'||(SELECT version())||'",
    "$$;SELECT 1;$$",
    "1e400",
    "-1",
    "99999999999999999999",
    "NULL",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "\u2028",
    "＇ OR 1=1",
    "🔥",
    "a" * 3_000,
)

_URLS = {"href", "src", "action", "formaction", "xlink:href", "data", "poster", "background", "ping", "srcdoc"}
_SCHEMES = ("javascript:", "vbscript:", "data:text", "data:application")
_FOREIGN = {"iframe", "object", "embed", "base", "style", "frame", "applet", "math", "animate", "marquee", "portal"}


class Dangers(HTMLParser):
    """`found`: what in a document could run or fetch something that the hub did not put there."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        is_island = values.get("type") == "application/json"
        if tag == "script" and not is_island and not values.get("src", "").startswith("/static/"):
            self.found.append(self.get_starttag_text() or tag)
        is_reload = values.get("http-equiv") == "refresh" and values.get("content", "").isdigit()  # to nowhere else
        if tag in _FOREIGN or (tag == "meta" and "http-equiv" in values and not is_reload):
            self.found.append(self.get_starttag_text() or tag)
        if tag == "link" and not values.get("href", "").startswith(("/", "data:image/")):
            self.found.append(self.get_starttag_text() or tag)
        for name, value in values.items():
            address = "".join(unquote(value).split()).lower()
            if name.startswith("on") or (name in _URLS and address.startswith(_SCHEMES)):
                self.found.append(self.get_starttag_text() or tag)


def dangers_in(document: str) -> list[str]:
    parser = Dangers()
    parser.feed(document)
    parser.close()
    return parser.found
