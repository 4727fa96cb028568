"""Payloads that something on the way might alter, refuse or obey: made by Hypothesis, and by hand.

Those made by hand are JSON texts, since some cannot be told apart once they are read. This module must not know how they are
sent.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# Any text that Python can hold, lone surrogates among it.
texts = st.text(st.characters(exclude_categories=()), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
payloads = st.dictionaries(texts, values, max_size=5)

FORGED_ID = "forged-by-a-payload"
"""The id of a task that payloads below speak of, and that nobody submitted."""

_FORGED = json.dumps({"level": "ERROR", "event": "TASK_DEAD_LETTER", "taskId": FORGED_ID, "payload": {}, "attempts": 3})


def _object(**values: Any) -> str:
    return json.dumps(values)


KEPT: dict[str, str] = {
    "control characters": _object(c="".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))),
    "control characters in names": json.dumps({"\x00": 0, "\n": 1, "\x1b[2J": 2, "\x7f": 3}),
    "integers of a thousand digits": f'{{"n": {"9" * 1000}, "m": -{"9" * 1000}}}',
    "integers beyond a double": '{"n": [9007199254740993, -18446744073709551617]}',
    "the largest and the smallest double": '{"n": [1.7976931348623157e308, -1.7976931348623157E+308, 5e-324, 2.5e-0]}',
    "zeros that differ": '{"n": [0, 0.0, -0.0, 0e0, -0e-0]}',
    "numbers that differ in kind": '{"n": [1, 1.0, 1e0, 10E-1, true, "1"]}',
    "a number written at length": f'{{"n": 1.{"0" * 100_000}}}',
    "deep objects": '{"o":' * 98 + "{}" + "}" * 98,
    "deep lists": f'{{"l": {"[" * 98}{"]" * 98}}}',
    "brackets in strings": _object(s='[{"' * 1000),
    "names beyond ASCII": json.dumps(
        {"Zoë": 1, "東京": 2, "🚀": 3, "\u202e": 4, "\u2028": 5, "\ufeff": 6, "\uffff": 7}
    ),
    "names that differ in composition only": '{"é": 1, "e\u0301": 2, "K": 3, "\u212a": 4}',
    "text that is not escaped": '{"s": "Zoë 東京 🚀 \u2028\u2029 \u007f \U0010ffff"}',
    "halves of surrogate pairs": r'{"a": "\ud800", "b": "x\udc00y", "c": "\udfff\ud83d", "\udbff": null}',
    "a pair in escapes and as itself": r'{"a": "\ud83d\ude80", "b": "🚀", "c": "\uD83D\uDE80"}',
    "a very long string": _object(s="x" * 250_000),
    "a very long name": json.dumps({"n" * 250_000: None}),
    "many names": json.dumps({f"n{number}": number for number in range(10_000)}),
    "a long list": _object(l=[*range(40_000)]),
    "JSON in JSON in JSON": _object(s=json.dumps(json.dumps({"a": json.dumps([1.0, '"'])}))),
    "a record of the log": _object(s=f"x\n{_FORGED}\r\n{_FORGED}\u2028{_FORGED}"),
    "Lambda's own lines": _object(s="\nSTART RequestId: x\nEND RequestId: x\nREPORT RequestId: x\tDuration: 1 ms\n"),
    "orders for a terminal": _object(s="\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \b\b\b\r \u202egnorw"),
    "orders for a formatter": _object(s="%s %d %(levelname)s {0} {message} ${HOME} $(id) `id` {{7*7}} #{7*7}"),
    "markup and queries": _object(
        s="<script>alert(1)</script>]]><!-- '; DROP TABLE tasks; -- ../../etc/passwd \\\\host"
    ),
    "names with a meaning in JavaScript": '{"__proto__": {"x": 1}, "constructor": {"prototype": {}}, "toString": null}',
    "names with a meaning in Python": '{"__class__": 1, "__reduce__": ["os.system", "id"], "self": 2, "None": 3}',
    "names with a meaning in DynamoDB": '{"S": "x", "N": "1", "NULL": true, "M": {"L": []}, "#status": 1, ":now": 2}',
    "names of the pipeline's own": f'{{"taskId": "{FORGED_ID}", "payload": {{}}, "event": "TASK_DEAD_LETTER", '
    '"message": 1, "level": 2, "timestamp": 3, "status": "COMPLETED", "batchItemFailures": []}',
    "empty names and values": '{"": {"": [{}, [], "", null, {"": ""}]}, " ": " "}',
    "nothing": "{}",
    "spaces of all kinds that JSON has": '\r\n\t {\t"a"\n:\r[ 1 ,\n2 ] }\n',
}

# Each with the code that it is refused with.
REFUSED: dict[str, tuple[bytes, str]] = {
    "NaN": (b'{"n": NaN}', "number_not_exact"),
    "Infinity": (b'{"n": Infinity}', "number_not_exact"),
    "minus Infinity": (b'{"n": [-Infinity]}', "number_not_exact"),
    "beyond a double": (b'{"n": 1e400}', "number_not_exact"),
    "below a double": (b'{"n": -1e-400}', "number_not_exact"),
    "an exponent without end": (b'{"n": 1e' + b"9" * 10_000 + b"}", "number_not_exact"),
    "more decimals than a double has": (b'{"n": 0.1000000000000000055511151231257827}', "number_not_exact"),
    "the integer -0": (b'{"n": -0}', "number_not_exact"),
    "an integer of 1,001 digits": (b'{"n": 1' + b"0" * 1000 + b"}", "number_not_exact"),
    "a million digits": (b'{"n": ' + b"7" * 1_000_000 + b"}", "number_not_exact"),
    "a name twice": (b'{"a": 1, "b": {"c": 1, "c": 1}}', "duplicate_key"),
    "a name twice, once in escapes": (rb'{"a": 1, "\u0061": 1}', "duplicate_key"),
    "an empty name twice": (b'{"": 1, "": 2}', "duplicate_key"),
    "__proto__ twice": (b'{"__proto__": 1, "__proto__": 2}', "duplicate_key"),
    "nested one too deep": (b'{"l": ' + b"[" * 99 + b"]" * 99 + b"}", "too_deep"),
    "nested without end": (b'{"l": ' + b"[" * 500_000, "too_deep"),
    "nested names without end": (b'{"o":' * 150_000, "too_deep"),
    "a control character as itself": (b'{"s": "a\x00b"}', "invalid_json"),
    "a new line as itself": (b'{"s": "a\nb"}', "invalid_json"),
    "a tab in a name": (b'{"a\tb": 1}', "invalid_json"),
    "an escape that is none": (rb'{"s": "\x41"}', "invalid_json"),
    "half an escape": (rb'{"s": "\u12"}', "invalid_json"),
    "leading zeros": (b'{"n": 007}', "invalid_json"),
    "a plus": (b'{"n": +1}', "invalid_json"),
    "no digit before the point": (b'{"n": .5}', "invalid_json"),
    "no digit after the point": (b'{"n": 5.}', "invalid_json"),
    "hexadecimal": (b'{"n": 0x10}', "invalid_json"),
    "digits of another script": ('{"n": ١}'.encode(), "invalid_json"),
    "a comment": (b'{"n": 1 /* one */}', "invalid_json"),
    "a comma too many": (b'{"n": 1,}', "invalid_json"),
    "single quotes": (b"{'n': 1}", "invalid_json"),
    "a space that JSON lacks": ('{"n":\u00a01}'.encode(), "invalid_json"),
    "bytes that are no UTF-8": (b'{"s": "\xff\xfe"}', "invalid_utf8"),
    "half a character": (b'{"s": "\xf0\x9f\x9a"}', "invalid_utf8"),
    "more bytes than a character needs": (b'{"s": "\xc0\xa2"}', "invalid_utf8"),
    "half of a surrogate pair in bytes": (b'{"s": "\xed\xa0\x80"}', "invalid_utf8"),
    "a character beyond the last": (b'{"s": "\xf4\x90\x80\x80"}', "invalid_utf8"),
}
