"""Small changes to exported models: what other versions of the exporters write."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

METADATA_KEPT = ("namespace",)


def typed_fields(model):
    """Stores initializers in float_data and int64_data instead of raw bytes."""
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        tensor.CopyFrom(helper.make_tensor(tensor.name, tensor.data_type, array.shape, array.ravel()))


def behind_cast(model, dtype, rank=0):
    """Stores float initializers of so many dimensions or more as another type, with a Cast back to f32 in front of their readers."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < rank:
            continue
        stored = f"{tensor.name}.stored"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], f"{tensor.name}.cast", to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(dtype), stored))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def kept_batch(model):
    """Makes Constant shapes keep the first dimension: 0 in place of 1."""
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output[0] in shapes:
            tensor = node.attribute[0].t
            shape = numpy_helper.to_array(tensor).copy()
            shape[0] = 0
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def padded_pools(model):
    """Puts a Pad by nothing in front of each AveragePool, as exporters for opset 11 did to count the padding."""
    nodes = []
    for node in model.graph.node:
        if node.op_type == "AveragePool":
            nodes += pad_by_nothing(node)
        nodes.append(node)
    nodes = [helper.make_node("Constant", [], ["no_pads"], "no_pads", value=zeros())] + nodes
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def zeros():
    return numpy_helper.from_array(np.zeros(8, np.int64))


def pad_by_nothing(pool):
    """The Pad node; the pool then reads it."""
    name = f"{pool.name}/Pad"
    pad = helper.make_node("Pad", [pool.input[0], "no_pads"], [f"{name}_output_0"], name, mode="constant")
    pool.input[0] = pad.output[0]
    kept = [attribute for attribute in pool.attribute if attribute.name != "count_include_pad"]
    del pool.attribute[:]
    pool.attribute.extend(kept)
    return [pad]


def slim_metadata(model, kept=METADATA_KEPT):
    """Drops the bulk of what the dynamo exporter notes at nodes and values, file paths among it."""
    graph = model.graph
    for item in [model, graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output]:
        entries = [entry for entry in item.metadata_props if entry.key in kept]
        del item.metadata_props[:]
        item.metadata_props.extend(entries)
