"""Record which keys of params.yaml a stage reads, to compare them with dvc.yaml."""

from contextlib import contextmanager

import pytest

from asteroid_taxonomy import params


@contextmanager
def params_read():
    """The dotted keys that are read from Params in the block; of a dumped block, the block."""
    read, keys, validating = set(), {}, [0]
    attribute, iterate, check = (params.Block.__getattribute__, params.Block.__iter__,
                                 params.validated)

    def recorded(self, name):
        value = attribute(self, name)
        fields = type(self).__dict__.get("__pydantic_fields__", {})
        known = type(self) is params.Params or id(self) in keys  # not a changed copy
        if known and not validating[0] and (name in fields or name == "model_dump"):
            key = keys.get(id(self), "")
            if name in fields:
                key = f"{key}.{fields[name].alias or name}".lstrip(".")
            if isinstance(value, params.Block):
                keys[id(value)] = key
                blocks.append(value)  # so that no other object gets its id
            else:
                read.add(key)
        return value

    def iterated(self):
        read.update([keys[id(self)]] if id(self) in keys else [])
        return iterate(self)

    def validated(*arguments):
        validating[0] += 1  # checking all params is not reading them
        try:
            return check(*arguments)
        finally:
            validating[0] -= 1

    blocks = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(params, "validated", validated)
        patch.setattr(params.Block, "__getattribute__", recorded)
        patch.setattr(params.Block, "__iter__", iterated)
        yield read
