"""A page that shows every operation and tries it; it asks no other host for anything."""

import json
from collections.abc import Sequence
from html import escape

from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.family import Endpoint, Family, Operation

# Scripts and styles of the page alone, calls to this server alone, and in no frame of another page.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Sensorium over HTTP</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
details{border:1px solid #bbb;border-radius:.4rem;margin:.4rem 0;padding:.4rem .8rem}
textarea,input{width:100%;box-sizing:border-box;font:14px/1.4 ui-monospace,monospace}
pre{background:#f4f4f4;padding:.6rem;overflow:auto;max-height:20rem}summary{cursor:pointer}
</style>
<h1>Sensorium over HTTP</h1>
<label>Key <input id="key" type="password" autocomplete="off"></label>
"""
_SCRIPT = """<script>
for (const form of document.querySelectorAll('[data-method]')) {
  form.querySelector('button').addEventListener('click', async () => {
    const shown = form.querySelector('pre'), body = form.querySelector('textarea');
    const key = document.getElementById('key').value, headers = key ? {authorization: 'Bearer ' + key} : {};
    const path = form.querySelector('input').value;
    try {
      const answer = await fetch(path, {method: form.dataset.method, headers, body: body ? body.value : undefined});
      shown.textContent = answer.status + ' ' + (await answer.text()).slice(0, 20000);
    } catch (fault) { shown.textContent = String(fault); }
  });
}
</script></html>
"""


def explorer(families: Sequence[Family]) -> Endpoint:
    """Return what answers with the page."""
    page = (_HEAD + "".join(map(_family, families)) + _SCRIPT).encode()

    async def answer(call: HttpCall) -> Reply:  # noqa: ARG001
        headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff"}
        return Reply(page, content_type="text/html; charset=utf-8", headers=headers)

    return answer


def _family(family: Family) -> str:
    operations = "".join(_operation(family.prefixes[0] + each.path, each) for each in family.operations)
    name = escape(family.name)
    return f'<h2>{name} <small><a href="/openapi/{name}.json">OpenAPI</a></small></h2>{operations}'


def _operation(path: str, operation: Operation) -> str:
    method, shown = escape(operation.methods[0]), escape(path or "/", quote=True)
    example = escape(json.dumps(operation.example or {}, indent=2))
    body = f'<textarea rows="8">{example}</textarea>' if operation.request else ""
    return (
        f'<details data-method="{method}"><summary><code>{method} {shown}</code> {escape(operation.summary)}</summary>'
        f'<input value="{shown}">{body}<button>Send</button><pre></pre></details>'
    )
