"""A proof's report as a page to read, without a script."""

from html import escape
from typing import Any

from chassis.errors import Locale
from ingest.service.migrations import VectorCheck

_WORDS = {
    "title": ("벡터 인덱스 검증", "Proof of a vector index"),
    "green": ("통과", "passed"),
    "red": ("통과하지 못함", "not passed"),
    "asked": ("대기 중", "waiting"),
    "running": ("진행 중", "running"),
    "content": ("내용: 행과 인덱스를 양쪽에서 비교", "Content: rows and index, compared both ways"),
    "recall": ("재현율@10: 전체 비교 대비", "Recall@10 against an exact scan"),
    "exact": ("정확 검색의 일치", "Exact search agrees"),
    "foreign": ("남의 문서 노출", "Documents of others shown"),
    "deleted": ("삭제된 문서", "Deleted documents"),
}
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #ccc;padding:.4rem .6rem;text-align:left}
.green{color:#087443}.red{color:#b42318}"""


def render(check: VectorCheck, locale: Locale) -> str:
    def word(name: str) -> str:
        korean, english = _WORDS[name]
        return korean if locale is Locale.KO else english

    report = check.report or {}
    rows = [_row(word(name), report[name], word) for name in _WORDS if isinstance(report.get(name), dict)]
    index = escape(f"{report.get('source', '')} → {report.get('target', '')}")
    verdict = f'<p class="{check.verdict}"><strong>{word(check.verdict)}</strong> · {index}</p>'
    times = escape(f"{report.get('began_at', '')} – {report.get('ended_at', '')}")
    error = f"<p>{escape(str(report['error']))}</p>" if "error" in report else ""
    return (
        f'<!doctype html><html lang="{locale.value}"><meta charset="utf-8"><title>{word("title")}</title>'
        f"<style>{_STYLE}</style><h1>{word('title')}</h1>{verdict}<p>{times}</p>{error}"
        f"<table>{''.join(rows)}</table></html>"
    )


def _row(title: str, part: dict[str, Any], word: Any) -> str:
    verdict = "green" if part["is_green"] else "red"
    facts = ", ".join(f"{name}: {value}" for name, value in part.items() if name != "is_green")
    return f"<tr><th>{title}</th><td class='{verdict}'>{word(verdict)}</td><td>{escape(facts)}</td></tr>"
