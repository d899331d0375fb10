#!/usr/bin/env python3
"""Writes a checkpoint folder of a known shape with random bf16 weights, for benchmarks: the values are seeded, small and finite,
nothing was trained.

usage: benchmarks/make_checkpoint.py SHAPE FOLDER [--seed 0]
Shapes: llama-8b, hybrid-8b (24 Mamba-1 and 8 attention layers), hybrid2-8b (the same with Mamba-2), mamba-130m, mamba-2.8b,
mamba2-2.7b; zephyr-hybrid-7b (hybrid-8b with Zephyr's vocabulary of 32,000) and zephyr-draft, two of its layers as a Transformer. Needs
numpy."""
import argparse, json, os, struct
import numpy

ROPE = {"rope_theta": 500000.0, "max_position_embeddings": 8192}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
         "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "vocab_size": 128256,
         "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "bfloat16", **ROPE}
ZEPHYR = {**LLAMA, "vocab_size": 32000}
ZEPHYR_DRAFT = {**ZEPHYR, "num_hidden_layers": 2}
ATTENTION_LAYERS = [3, 7, 11, 15, 19, 23, 27, 31]


def attention(prefix, c):
    head = c["hidden_size"] // c["num_attention_heads"]
    for name, rows in (("q", c["num_attention_heads"]), ("k", c["num_key_value_heads"]), ("v", c["num_key_value_heads"])):
        yield prefix + f"self_attn.{name}_proj.weight", (rows * head, c["hidden_size"]), 0.02
    yield prefix + "self_attn.o_proj.weight", (c["hidden_size"], c["num_attention_heads"] * head), 0.02


def mamba1_in_llama(prefix, c):
    hidden, inner, small, states, rank = c["hidden_size"], 4096, 1024, 16, 256
    yield prefix + "mamba.in_proj_z.weight", (inner, hidden), 0.02
    yield prefix + "mamba.in_proj_x.weight", (small, hidden), 0.02
    yield prefix + "mamba.B_proj.weight", (small, hidden), 0.02
    yield prefix + "mamba.C_proj.weight", (inner, hidden), 0.02
    yield prefix + "mamba.dt_proj_down.weight", (rank, hidden), 0.02
    yield from mamba1_core(prefix + "mamba.", inner, states, rank)
    yield prefix + "mamba.out_proj.weight", (hidden, inner), 0.02


def mamba1_core(prefix, inner, states, rank):
    yield prefix + "conv1d.weight", (inner, 1, 4), 0.4
    yield prefix + "conv1d.bias", (inner,), 0.1
    yield prefix + "dt_proj.weight", (inner, rank), 0.05
    yield prefix + "dt_proj.bias", (inner,), 1.0
    yield prefix + "A_log", (inner, states), 1.0
    yield prefix + "D", (inner,), 1.0


def mamba2_in_llama(prefix, c):
    hidden, inner, small, heads = c["hidden_size"], 4096, 1024, 32
    yield prefix + "mamba.in_proj.weight", (2 * inner + 2 * small + heads, hidden), 0.02
    yield from mamba2_core(prefix + "mamba.", 2 * small + inner, heads, inner)
    yield prefix + "mamba.out_proj.weight", (hidden, inner), 0.02


def mamba2_core(prefix, channels, heads, inner):
    yield prefix + "conv1d.weight", (channels, 1, 4), 0.4
    yield prefix + "conv1d.bias", (channels,), 0.1
    yield prefix + "dt_bias", (heads,), 1.0
    yield prefix + "A_log", (heads,), 1.0
    yield prefix + "D", (heads,), 1.0
    yield prefix + "norm.weight", (inner,), 1.0


def llama(mixers, c=LLAMA):
    yield "model.embed_tokens.weight", (c["vocab_size"], c["hidden_size"]), 0.02
    for i in range(c["num_hidden_layers"]):
        prefix = f"model.layers.{i}."
        yield prefix + "input_layernorm.weight", (c["hidden_size"],), 1.0
        yield from mixers(i)(prefix, c)
        yield prefix + "post_attention_layernorm.weight", (c["hidden_size"],), 1.0
        for name in ("gate", "up"):
            yield prefix + f"mlp.{name}_proj.weight", (c["intermediate_size"], c["hidden_size"]), 0.02
        yield prefix + "mlp.down_proj.weight", (c["hidden_size"], c["intermediate_size"]), 0.02
    yield "model.norm.weight", (c["hidden_size"],), 1.0
    yield "lm_head.weight", (c["vocab_size"], c["hidden_size"]), 0.02


def mamba(c):
    hidden, inner, states, rank = c["hidden_size"], c["intermediate_size"], c["state_size"], c["time_step_rank"]
    yield "backbone.embeddings.weight", (c["vocab_size"], hidden), 0.02
    for i in range(c["num_hidden_layers"]):
        prefix = f"backbone.layers.{i}."
        yield prefix + "norm.weight", (hidden,), 1.0
        yield prefix + "mixer.in_proj.weight", (2 * inner, hidden), 0.02
        yield from mamba1_core(prefix + "mixer.", inner, states, rank)
        yield prefix + "mixer.x_proj.weight", (rank + 2 * states, inner), 0.02
        yield prefix + "mixer.out_proj.weight", (hidden, inner), 0.02
    yield "backbone.norm_f.weight", (hidden,), 1.0


def mamba2(c):
    hidden, inner, states, heads = c["hidden_size"], c["expand"] * c["hidden_size"], c["state_size"], c["num_heads"]
    yield "backbone.embeddings.weight", (c["vocab_size"], hidden), 0.02
    for i in range(c["num_hidden_layers"]):
        prefix = f"backbone.layers.{i}."
        yield prefix + "norm.weight", (hidden,), 1.0
        yield prefix + "mixer.in_proj.weight", (2 * inner + 2 * states + heads, hidden), 0.02
        yield from mamba2_core(prefix + "mixer.", inner + 2 * states, heads, inner)
        yield prefix + "mixer.out_proj.weight", (hidden, inner), 0.02
    yield "backbone.norm_f.weight", (hidden,), 1.0


def mamba_config(hidden, layers):
    return {"architectures": ["MambaForCausalLM"], "model_type": "mamba", "hidden_size": hidden, "intermediate_size": 2 * hidden,
            "state_size": 16, "conv_kernel": 4, "expand": 2, "time_step_rank": hidden // 16, "num_hidden_layers": layers,
            "vocab_size": 50280, "layer_norm_epsilon": 1e-5, "use_bias": False, "use_conv_bias": True, "tie_word_embeddings": True}


MAMBA2_27B = {"architectures": ["Mamba2ForCausalLM"], "model_type": "mamba2", "hidden_size": 2560, "expand": 2, "state_size": 128,
              "head_dim": 64, "num_heads": 80, "n_groups": 1, "conv_kernel": 4, "num_hidden_layers": 64, "vocab_size": 50288,
              "layer_norm_epsilon": 1e-5, "use_bias": False, "use_conv_bias": True, "rms_norm": True, "tie_word_embeddings": True,
              "hidden_act": "silu", "chunk_size": 256}


def hybrid(expand_arguments):
    return {"d_model": 4096, "ssm_cfg": expand_arguments, "rms_norm_eps": 1e-5, "vocab_size": None, "d_inner": 4096, "d_xb": 1024,
            "intermediate_size": 14336, "hidden_act": "silu", "n_layer": 32, "attn_layers": ATTENTION_LAYERS}


def shapes():
    def layers(mixer):
        return lambda i: attention if i in ATTENTION_LAYERS else mixer
    return {
        "llama-8b": (LLAMA, None, lambda: llama(lambda i: attention)),
        "hybrid-8b": (LLAMA, hybrid({"expand": 1}), lambda: llama(layers(mamba1_in_llama))),
        "hybrid2-8b": (LLAMA, hybrid({"expand": 1, "ngroups": 32, "d_state": 128}), lambda: llama(layers(mamba2_in_llama))),
        "zephyr-hybrid-7b": (ZEPHYR, hybrid({"expand": 1}), lambda: llama(layers(mamba1_in_llama), ZEPHYR)),
        "zephyr-draft": (ZEPHYR_DRAFT, None, lambda: llama(lambda i: attention, ZEPHYR_DRAFT)),
        "mamba-130m": (mamba_config(768, 24), None, lambda: mamba(mamba_config(768, 24))),
        "mamba-2.8b": (mamba_config(2560, 64), None, lambda: mamba(mamba_config(2560, 64))),
        "mamba2-2.7b": (MAMBA2_27B, None, lambda: mamba2(MAMBA2_27B)),
    }


class Values:
    """Seeded bf16 numbers of any scale; a tensor begins anywhere in a pool, which large ones repeat."""

    def __init__(self, seed):
        self.uniform = numpy.random.default_rng(seed).uniform(-1, 1, 1 << 24).astype(numpy.float32)
        self.pools = {}

    def pool(self, scale):
        if scale not in self.pools:
            # Weights of norms, skips and decays lie between 0.5 and 1, the others have the scale as standard deviation.
            floats = 0.75 + 0.25 * self.uniform if scale == 1.0 else self.uniform * numpy.float32(scale * 3 ** 0.5)
            self.pools[scale] = (floats.astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16)
        return self.pools[scale]

    def write(self, file, first, count, scale):
        pool = self.pool(scale)
        while count > 0:
            piece = pool[first % pool.size:][:count]
            file.write(piece.data)
            first, count = first + piece.size, count - piece.size


def write(shape, folder, seed):
    config, mamba_arguments, tensors = shapes()[shape]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    if mamba_arguments:
        with open(os.path.join(folder, "mamba_config.json"), "w") as f:
            json.dump(mamba_arguments, f)
    header, end = {}, 0
    for name, dims, _ in tensors():
        size = 2 * int(numpy.prod(dims))
        header[name] = {"dtype": "BF16", "shape": list(dims), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64)
    numbers = Values(seed)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, dims, scale in tensors():
            numbers.write(f, header[name]["data_offsets"][0] // 2, int(numpy.prod(dims)), scale)
    print(f"{folder}: {shape}, {end / 1e9:.2f} GB")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("shape", choices=list(shapes()))
    arguments.add_argument("folder")
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    write(options.shape, options.folder, options.seed)
