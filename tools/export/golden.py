"""Writes the golden file: a few awkward texts with the reference's token ids and vectors."""

import argparse
import base64
import json
from pathlib import Path

from reference import Reference

TEXTS = (
    "",
    " \t\n ",
    "a",
    "!?.,;:…",
    "The quick brown fox jumps over the lazy dog.",
    "the QUICK Brown FOX jumps over the lazy DOG",
    "How many passengers did the airport handle in 2019?",
    "naïve café résumé Ångström façade — déjà vu",
    "na\u0131\u0308ve cafe\u0301 (combining marks)",
    "数据库支持向量检索。",
    "mixed 中文 and English, ひらがな, 한국어 and русский язык",
    "🙂🚀 emoji 👩‍👩‍👧 family",
    "first line\nsecond line\r\n\tindented third",
    "https://example.org/a?b=c&d=%20e#f user@example.org",
    "x = [i ** 2 for i in range(10)]  # a comment",
    "3.14159, -0.001, 1,000,000 and 6.02e23",
    "[CLS] literal [MASK] special [SEP] tokens [PAD]",
    "control\x00characters\x07and\u200bzero width\ufeffmarks",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 4,
    "z" * 300,
    "The dense vector of a long passage is cut at the limit. " * 40,
    "word " * 254,
    "word " * 255,
    "السلام عليكم ورحمة الله",
)


def main() -> None:
    """Parses the command line and writes JSON: text, ids, vector (base64 of little-endian float32)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder with the published weights, configuration and tokenizer")
    parser.add_argument("target", type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    reference = Reference(arguments.source)
    cases = [
        {
            "text": text,
            "ids": reference.ids(text),
            "vector": base64.b64encode(reference.vectors([text])[0].astype("<f4").tobytes()).decode(),
        }
        for text in TEXTS
    ]
    lines = ",\n".join(json.dumps(case) for case in cases)
    arguments.target.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
