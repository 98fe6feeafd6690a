"""Thirty-odd texts that no view may take for anything but text: as a prompt, an error message, a name, a path.

Each has an id for the test's name. `MARK` stands where a payload that runs would leave a trace: a page's test looks for
`window.hit`, a spreadsheet's for a formula. `hostile_run` puts one of them wherever a record has room for text.
"""

import msgspec

from reports.measured import MetricValue
from reports.record import CaseRecord, Run, Status
from tests.reports_samples import measured, planned, run_of

MARK = "window.hit=1"
PAYLOADS = {
    "script": f"<script>{MARK}</script>",
    "script-end": f"</script><script>{MARK}</script>",
    "script-json": f'"}}]}}</script><script>{MARK}</script>',
    "img": f"<img src=x onerror={MARK}>",
    "img-quoted": f'\'"><img src=x onerror="{MARK}">',
    "svg": f"<svg onload={MARK}><animate onbegin={MARK} attributeName=x dur=1s>",
    "attribute": f'" onmouseover="{MARK}" autofocus onfocus="{MARK}',
    "iframe": f'<iframe srcdoc="<script>parent.{MARK}</script>"></iframe>',
    "comment": f"--><script>{MARK}</script><!--",
    "style": f"</style><script>{MARK}</script><style>*{{display:none}}",
    "title": f"</title></textarea><script>{MARK}</script>",
    "template": f"</template><img src=x onerror={MARK}>",
    "math": f"<math><mtext></form><form><mglyph><style></math><img src onerror={MARK}>",
    "base": '<base href="https://attacker.invalid/"><link rel=stylesheet href=//attacker.invalid/x.css>',
    "javascript": f"javascript:{MARK}",
    "data-url": f"data:text/html,<script>{MARK}</script>",
    "entity": f"&lt;script&gt;{MARK}&lt;/script&gt; &amp; &#60;b&#62; &notanentity",
    "cdata": f"]]><script>{MARK}</script><![CDATA[",
    "jinja": "{{ 7 * 7 }}{% for x in [].__class__.__mro__ %}{% endfor %}{# #}",
    "format": "%s %n %(x)s {0} {x!r} ${x} $(touch x) `touch x`",
    "backticks": "``` `code` ```\n~~~\n    indented",
    "markdown": f"| a | b |\n|---|---|\n# h *b* _i_ ~~s~~ [l](javascript:{MARK}) ![i](https://attacker.invalid/i.png)",
    "mention": "@everyone #1 GH-1 :tada: https://attacker.invalid $x^2$ <details open>",
    "latex": r"\input{/etc/passwd} \write18{touch x} \end{document} # $ % & _ { } ~ ^ \ --- ``q'' <>",
    "formula": '=HYPERLINK("https://attacker.invalid","x")',
    "formula-plus": "+1+cmd|' /C calc'!A0",
    "formula-minus": "-2+3+cmd|' /C calc'!A0",
    "formula-at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "formula-tab": "\t=1+1",
    "formula-quote": '","=1+1","\n=1+1',
    "formula-fullwidth": "\uff1d1+1",
    "rtl": "\u202eכלב رمز\u2066 gnp.exe\u2069\u200f\u061c",
    "zero-width": "a\u200bb\ufeffc\u00add\u2060e\ufffc",
    "controls": "a\x00b\x07c\x1b[31md\x1b]0;title\x07e\x7ff\x85g\u2028h\u2029i",
    "newlines": "one\r\ntwo\rthree\n\nfour\x0bfive\x0csix",
    "astral": "🐕‍🦺 \U0001d54f \U0010fffd e\u0301" + "\u0301" * 50,
    "path": "../../../../etc/passwd\\..\\..\\C:\\x?y#z%2e%2e/",
    "long": "w" * 5_000,
    "long-words": "a dog " * 833,
    "empty": "",
    "blank": " \t ",
}


def hostile_run(payload: str, status: Status = "failed") -> Run:
    """Give a run that holds the payload wherever text comes from outside: a case with numbers, and one without."""
    plan = planned(text=payload)
    plan = msgspec.structs.replace(
        plan,
        id=f"bench_speed.py::bench_generate[{payload}]",
        setting=payload,
        model=msgspec.structs.replace(plan.model, id=payload, title=payload, licence=payload),
        prompt=msgspec.structs.replace(plan.prompt, id=payload, extended_text=payload, source=payload, licence=payload),
        sources={payload: payload},
        reproduce=payload,
    )
    metric = MetricValue(id="noise", value=1.0, unit="codes", better="lower", explanation=payload, reason=payload)
    told = msgspec.structs.replace(
        measured(4.0, 4.1, 4.2, video=f"media/{payload.replace('/', '_')}.mp4"),
        metrics=[metric],
        reasons={payload: payload, "clocks": payload},
        deterministic=False,
    )
    whole = CaseRecord(id=plan.id, status=status, reason=payload, plan=plan, measurement=told, attempts=[])
    other = msgspec.structs.replace(plan, id=f"bench_speed.py::bench_other[{payload}]")
    broken = CaseRecord(id=other.id, status="crashed", reason=payload, plan=other, measurement=None, attempts=[])
    run = run_of(whole, broken, banners=(payload,))
    return msgspec.structs.replace(
        run,
        run_id=payload,
        suite=payload,
        suite_description=payload,
        command=payload,
        created_at=payload,
        environment=msgspec.structs.replace(
            run.environment,
            host=payload,
            cpu=payload,
            gpus=[{"name": payload, "uuid": payload}],
            packages={"x": payload},
        ),
    )
