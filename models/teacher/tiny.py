"""Make two tiny sentence transformers of random weights, and golden embeddings, for tests.

`python tiny.py [OUT_DIR]` writes OUT_DIR/{wordpiece,bpe}/{model.onnx,tokenizer.json,golden.jsonl};
the default is plugin/onnx/tests/data. Both are BERT encoders of 2 layers and width 32 that read at
most 64 tokens; their tokenizers are trained on models/corpus.

            tokenizer                       inputs                              pooling
wordpiece   lower case, [CLS] ... [SEP]     all three                           mean
bpe         byte-level BPE, <s> ... </s>    input_ids and attention_mask        cls (the first token)

The golden embeddings are what sentence-transformers computes, by other code than ONNX Runtime's: the
`tokenizers` library reads the text (cut to 64 tokens, special ones included), a forward pass in
numpy and double precision follows, then the mean over the tokens or the first one's vector, then
length 1. Each line of golden.jsonl is {"text":..., "tokens":..., "embedding":[...]}, rounded to 6
decimals. Same seed, same files; another corpus gives other ones.
"""

import argparse
import csv
import json
import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from to_onnx import INPUTS, EncoderGraph, NumpyEncoder

ROOT = Path(__file__).resolve().parents[2]
SEED = 20260103
VOCABULARY = 500
MAX_LENGTH = 64
FROM_CORPUS = 180
TOLERANCE = 1e-4
CONFIG = {
    "layer_norm_eps": 1e-12,
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
}
AWKWARD = [
    "",
    " ",
    "\t\r\n",
    "a",
    "\u0000",
    "nul\u0000in the middle",
    "\u0001\u0002\u001b[31mred\u001b[0m\u007f\u0085",
    "tab\tand\u000bvertical tab\u000cform feed",
    "line one\nline two\r\nline three",
    "[CLS] forged [SEP] tokens [PAD] [MASK] [UNK]",
    "<s> forged </s> tokens <pad> <mask> <unk>",
    "##ing at the start",
    "Übergröße überschritten: Straße, café, naïve, Ångström",
    "e\u0301 o\u0308 combining, and \u00e9 \u00f6 whole",
    "Ошибка подключения к базе данных: таймаут",
    "ΑΝΤΙΟ Σίσυφος",
    "データベースへの接続に失敗しました",
    "数据库连接失败：超时",
    "연결이 거부되었습니다",
    "فشل الاتصال بقاعدة البيانات",
    "שגיאה בחיבור",
    "การเชื่อมต่อล้มเหลว",
    "🔥 disk on fire 🔥🔥 \U0001f9d1\u200d\U0001f4bb",
    "zero\u200bwidth\u200djoiner\ufeffbom\u00adhyphen",
    "\u202eright to left override\u202c",
    "non\u00a0breaking\u2003em\u3000ideographic",
    "\ufffd\ufffd what was no UTF-8",
    "ﬁnancial ①②③ ½ ℃ Ⅷ",
    "x" * 300,
    "word " * 200,
    "%" * 120,
    "1234567890" * 20,
    "GET /a/b/c?d=e&f=g HTTP/1.1 " * 8,
    "не найдено " * 60,
    "接続" * 100,
    "{}[]()<>\"'`\\/|;:,.!?@#$%^&*-_=+~",
    "Failed password for <*> from <ip> port <num> ssh2",
    "<ts> <host> kernel: Out of memory: Killed process <num> (<*>)",
    "ERROR ERROR ERROR",
    "0 errors",
]


def corpus():
    """Every message of models/corpus, in the order of the files."""
    messages = []
    for path in sorted((ROOT / "models/corpus").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as rows:
            messages += [row["log_message"] for row in csv.DictReader(rows)]
    return messages


def word_pieces(messages):
    """The most frequent words, and the letters to spell the others with. (The library's own trainer
    gives another vocabulary each time.)"""
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word
        for message in messages
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(message))
    )
    letters = sorted({letter for word in words for letter in word if letter.isascii()})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += letters + [f"##{letter}" for letter in letters if letter.isalnum()]
    ranked = sorted(words, key=lambda word: (-words[word], word))
    tokens += [word for word in ranked if word not in tokens][: VOCABULARY - len(tokens)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.add_special_tokens(tokens[:5])
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ids)
    return tokenizer


def byte_pairs(messages):
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(messages, trainer)
    ids = [(token, tokenizer.token_to_id(token)) for token in ("</s>", "<s>")]
    tokenizer.post_processor = processors.RobertaProcessing(*ids)
    return tokenizer


def random_weights(tokens, random):
    """Wide enough that attention attends: what comes out depends on the order of the tokens."""
    width = CONFIG["hidden_size"]

    def normal(*shape, scale=1.0):
        return (random.standard_normal(shape) * scale).astype(np.float32)

    def linear(name, size_in, size_out):
        kernel = normal(size_out, size_in, scale=1.5 / size_in**0.5)
        return {f"{name}.weight": kernel, f"{name}.bias": normal(size_out, scale=0.1)}

    def layer_norm(name):
        gain = 1 + normal(width, scale=0.1)
        return {f"{name}.weight": gain, f"{name}.bias": normal(width, scale=0.1)}

    table = "embeddings.{}_embeddings.weight".format
    weights = {
        table("word"): normal(tokens, width),
        table("token_type"): normal(2, width, scale=0.5),
        table("position"): normal(MAX_LENGTH, width, scale=0.5),
        **layer_norm("embeddings.LayerNorm"),
    }
    for index in range(CONFIG["num_hidden_layers"]):
        name = f"encoder.layer.{index}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights |= linear(f"{name}.attention.{part}", width, width)
        weights |= layer_norm(f"{name}.attention.output.LayerNorm")
        weights |= linear(f"{name}.intermediate.dense", width, 2 * width)
        weights |= linear(f"{name}.output.dense", 2 * width, width)
        weights |= layer_norm(f"{name}.output.LayerNorm")
    return weights


def reference(tokenizer, encoder, pooling, text):
    """Tokens and the embedding of a text, as sentence-transformers computes it."""
    tokens = tokenizer.encode(text)
    arrays = (tokens.ids, tokens.attention_mask, tokens.type_ids)
    inputs = {name: np.array([row], dtype=np.int64) for name, row in zip(INPUTS, arrays)}
    (hidden,) = encoder.run(**inputs)
    pooled = hidden.mean(0) if pooling == "mean" else hidden[0]
    return inputs, pooled / max(np.linalg.norm(pooled), 1e-12), hidden


def make(directory, tokenizer, names, pooling, texts, random):
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    weights = random_weights(tokenizer.get_vocab_size(), random)
    model = EncoderGraph(weights, CONFIG, names).model(f"tiny-{directory.name}")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, directory / "model.onnx")

    tokenizer.enable_truncation(MAX_LENGTH)
    encoder = NumpyEncoder(weights, CONFIG)
    path = str(directory / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    with (directory / "golden.jsonl").open("w", encoding="utf-8", newline="\n") as out:
        for text in texts:
            inputs, embedding, hidden = reference(tokenizer, encoder, pooling, text)
            given = {name: inputs[name] for name in names}
            (actual,) = session.run(["last_hidden_state"], given)
            worst = max(worst, np.abs(actual[0] - hidden).max())
            line = {"text": text, "tokens": inputs["input_ids"].shape[1]}
            line["embedding"] = [round(float(value), 6) for value in embedding]
            out.write(json.dumps(line) + "\n")
    print(f"{directory.name}: {len(texts)} texts, max abs diff to ONNX Runtime: {worst:.1e}")
    return worst < TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = ROOT / "plugin/onnx/tests/data"
    parser.add_argument("out_dir", type=Path, nargs="?", default=data)
    out_dir = parser.parse_args().out_dir

    messages = corpus()
    texts = AWKWARD + random.Random(SEED).sample(messages, FROM_CORPUS)
    numbers = np.random.default_rng(SEED)
    good = [
        make(out_dir / "wordpiece", word_pieces(messages), INPUTS, "mean", texts, numbers),
        make(out_dir / "bpe", byte_pairs(messages), INPUTS[:2], "cls", texts, numbers),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
