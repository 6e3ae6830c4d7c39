"""Pickle streams with what CPython's C unpickler asks find_class for. Nothing is executed: every global is a stand-in.

usage: python3 pickle-oracle.py COUNT SEED > streams.jsonl

Each line: {"s": base64, "g": [[module, name], ...] in order, "ok": reached STOP, "v": read from a file with
peek ("contiguous") or without ("framed")}. The streams are grown from the grammar, pickled from objects, and mutated from both.
Extension codes 1 to 3 are registered as in EXTENSIONS. Kept beside the recorded vectors so that they can be made again.
"""
import _pickle, base64, collections, copyreg, datetime, decimal, io, json, pickle, random, resource, struct, sys

resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
EXTENSIONS = {1: ("os", "system"), 2: ("builtins", "eval"), 3: ("collections", "OrderedDict")}
copyreg._inverted_registry.update(EXTENSIONS)


class StandIn:
    def __new__(cls, *args, **keywords):
        return object.__new__(cls)

    def __init__(self, *args, **keywords):
        pass

    def __call__(self, *args, **keywords):
        return StandIn()

    def __setstate__(self, state):
        pass

    def append(self, item):
        pass

    def __setitem__(self, key, value):
        pass

    def add(self, item):
        pass


class Oracle(_pickle.Unpickler):
    def find_class(self, module, name):
        self.seen.append([module, name])
        return StandIn

    def persistent_load(self, pid):
        return StandIn()


def ask(stream, encoding, view):
    copyreg._extension_cache.clear()
    file = io.BytesIO(stream)
    oracle = Oracle(file if view == "framed" else io.BufferedReader(file), encoding=encoding, buffers=[b"x"] * 8)
    oracle.seen = []
    try:
        oracle.load()
        return oracle.seen, True
    except RecursionError:
        raise
    except BaseException:
        return oracle.seen, False


NAMES = [b"os", b"system", b"builtins", b"eval", b"numpy", b"a.b", b"x y", b"caf\xc3\xa9", b"\xff", b"", b"i\r", b"__builtin__"]
NUMBERS = [b"0", b"1", b"00", b"01", b"010", b"08", b"0x10", b"0b1", b"0o7", b"1_0", b" 5", b"5 ", b"-3", b"+4", b"", b"x",
           b"1\x00z", b"99999999999999999999", b"12L", b"0x1L", b"L", b"-0x8", b"1__0", b"_1", b"\x0b7", b"1.5", b"0xg"]
FLOATS = [b"1.5", b"nan", b"-inf", b"1e5", b".5", b"5.", b"", b"x", b" 1", b"1_0.5", b"1e", b"infinity", b"0x1"]
TEXTS = [b"abc", b"os", b"system", b"eval", b"", b"caf\xc3\xa9", b"\xed\xa0\x80", b"\xff\xfe", b"\xf4\x90\x80\x80", b"\xc0\x80", b"a" * 60]
QUOTED = [b"'os'", b'"system"', b"'a\\x41'", b"'\\'", b"'a", b"a'", b"'", b"''", b"'\\q'", b"'\\777'", b"'\\x4'", b"'\xe9'", b"'a\\\\'", b" 'os'", b"'os' "]
ESCAPED = [b"os", b"\\u006fs", b"\\u00", b"\\U0001F600", b"\\U00110000", b"\\\\u006fs", b"\\", b"\xe9", b"", b"sy\\u0073tem", b"\\n"]


def grow(rng, length):
    out = bytearray()
    depth, marks, memo = 0, [], 0
    if rng.random() < 0.6:
        out += b"\x80" + bytes([rng.choice([0, 1, 2, 3, 4, 5, 5, 4, 6])])
    for _ in range(length):
        base = marks[-1] if marks else 0
        have = depth - base
        choice = rng.random()
        if choice < 0.4 or have <= 0 and choice < 0.9:
            kind = rng.randrange(27)
            depth += 1
            if kind == 0: out += b"N"
            elif kind == 1: out += rng.choice([b"\x88", b"\x89"])
            elif kind == 2: out += b"K" + rng.randbytes(1)
            elif kind == 3: out += b"M" + rng.randbytes(2)
            elif kind == 4: out += b"J" + rng.randbytes(4)
            elif kind == 5: out += b"G" + rng.randbytes(8)
            elif kind == 6: out += b"I" + rng.choice(NUMBERS[:14]) + b"\n"
            elif kind == 7: out += b"L" + rng.choice(NUMBERS) + b"\n"
            elif kind == 8: out += b"F" + rng.choice(FLOATS) + b"\n"
            elif kind == 9:
                n = rng.choice([0, 1, 5]); out += b"\x8a" + bytes([n]) + rng.randbytes(n)
            elif kind == 10:
                n = rng.choice([0, 2, -1]) if rng.random() < .2 else 3; out += b"\x8b" + struct.pack("<i", n) + rng.randbytes(max(n, 0))
            elif kind == 11: out += b"S" + rng.choice(QUOTED) + b"\n"
            elif kind == 12: out += b"V" + rng.choice(ESCAPED) + b"\n"
            elif kind in (13, 14, 15):
                t = rng.choice(TEXTS[:5] if rng.random() < .8 else TEXTS); out += b"\x8c" + bytes([len(t)]) + t
            elif kind == 16:
                t = rng.choice(TEXTS); out += b"X" + struct.pack("<I", len(t)) + t
            elif kind == 17:
                t = rng.choice(TEXTS); out += b"\x8d" + struct.pack("<Q", len(t)) + t
            elif kind == 18:
                t = rng.choice(TEXTS); out += b"U" + bytes([len(t)]) + t
            elif kind == 19:
                t = rng.choice(TEXTS); out += b"T" + struct.pack("<i", len(t) if rng.random() < .9 else -1) + t
            elif kind == 20:
                t = rng.choice(TEXTS); out += rng.choice([b"C" + bytes([len(t)]), b"B" + struct.pack("<I", len(t)), b"\x8e" + struct.pack("<Q", len(t)), b"\x96" + struct.pack("<Q", len(t))]) + t
            elif kind == 21: out += rng.choice([b")", b"]", b"}", b"\x8f"])
            elif kind in (22, 23, 24): out += b"c" + rng.choice(NAMES if rng.random() < .3 else NAMES[:6]) + b"\n" + rng.choice(NAMES if rng.random() < .3 else NAMES[:6]) + b"\n"
            elif kind == 25: out += rng.choice([b"P" + rng.choice(TEXTS) + b"\n", b"\x97"])
            else: out += rng.choice([b"\x82" + bytes([rng.choice([0, 1, 2, 3, 9])]), b"\x83" + struct.pack("<H", rng.choice([1, 2, 3])), b"\x84" + struct.pack("<i", rng.choice([1, 2, -1]))])
        elif choice < 0.5:
            out += b"("; marks.append(depth)
        elif choice < 0.6:
            if rng.random() < .6:
                out += b"\x94"; memo += 1
            else:
                index = rng.randrange(0, 8) if rng.random() < .9 else rng.choice([255, 3000])
                memo = max(memo, 1)
                out += rng.choice([b"q" + bytes([index % 256]), b"r" + struct.pack("<I", index), b"p" + rng.choice([str(index).encode(), b"0x1", b"-1", b"1_0"] if rng.random() < .2 else [str(index).encode()]) + b"\n"])
        elif choice < 0.66 and memo:
            index = rng.randrange(0, min(memo + 1, 9))
            out += rng.choice([b"h" + bytes([index]), b"j" + struct.pack("<I", index), b"g" + str(index).encode() + b"\n"]); depth += 1
        elif choice < 0.72 and marks:
            op = rng.choice([b"t", b"l", b"d", b"\x91", b"1", b"e", b"u", b"\x90", b"o", b"ios\nsystem\n", b"0"])
            mark = marks.pop()
            if op == b"o" and depth == mark: op = b"t"
            out += op
            depth = mark + (1 if op in (b"t", b"l", b"d", b"\x91", b"o") or op[0] == 0x69 else 0)
            if op == b"0" : depth = max(depth, mark)
        else:
            op, needs, gives = rng.choice([(b"0", 1, 0), (b"2", 1, 2), (b"\x85", 1, 1), (b"\x86", 2, 1), (b"\x87", 3, 1), (b"a", 2, 1), (b"s", 3, 1),
                (b"R", 2, 1), (b"\x81", 2, 1), (b"\x92", 3, 1), (b"b", 2, 1), (b"\x93", 2, 1), (b"\x93", 2, 1), (b"Q", 1, 1), (b"\x98", 1, 1), (b"\x95", 0, 0), (b"\x80", 0, 0)])
            if have < needs and rng.random() < .97: continue
            if op == b"\x93" and rng.random() < .7:
                t, u = rng.choice(TEXTS[:4]), rng.choice(TEXTS[:4])
                out += b"\x8c" + bytes([len(t)]) + t + rng.choice([b"", b"\x94"]) + b"\x8c" + bytes([len(u)]) + u + rng.choice([b"", b"\x94"]) + b"\x93"
                depth += 1; memo += 2; continue
            if op in (b"R", b"\x81") and rng.random() < .7:
                out += rng.choice([b"cos\nsystem\n", b"cbuiltins\neval\n", b"\x82\x01"]) + rng.choice([b")", b"N\x85", b"(NNt"]) + op
                depth += 1; continue
            if op == b"\x95": op += struct.pack("<Q", rng.choice([0, 1, 3, 5, 10]))
            if op == b"\x80": op += bytes([rng.choice([0, 2, 3, 4, 5])])
            out += op; depth = max(depth - needs + gives, 0)
    if rng.random() < 0.95:
        while marks:
            out += b"t"; depth = marks.pop() + 1
        out += b"N" if depth <= 0 else b""
        out += b"."
    return bytes(out)


OBJECTS = [
    {"a": [1, 2.5, None, True], "b": ("x", b"y")}, collections.OrderedDict(a=1), datetime.datetime(2020, 1, 2), decimal.Decimal("1.5"),
    [set("ab"), frozenset("cd"), bytearray(b"q")], complex(1, 2), range(5), [1 << 70, -5, 255, 65535, -1 << 40], "caf\xe9 \ud800", collections.Counter("abca"),
    (collections.deque([1, 2], 5), slice(1, 2), Ellipsis, int, len),
]


def dumped(rng):
    return pickle.dumps(rng.choice(OBJECTS), rng.randrange(6))


def mutate(rng, stream, other):
    data = bytearray(stream)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if not data: break
        at = rng.randrange(len(data))
        kind = rng.randrange(7)
        if kind == 0: data[at] ^= 1 << rng.randrange(8)
        elif kind == 1: data[at] = rng.choice(b"(.012FIJKLMNPQRSTUVXabcde}ghijlopqrstu)]G\x80\x81\x82\x85\x86\x87\x88\x8a\x8c\x8d\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98BC\n")
        elif kind == 2: del data[at]
        elif kind == 3: data.insert(at, rng.randrange(256))
        elif kind == 4: del data[at:]
        elif kind == 5: data[at:at] = other[: rng.randrange(len(other) + 1)]
        else:
            end = min(len(data), at + rng.randrange(1, 12)); data[at:at] = data[at:end]
    return bytes(data)


def main(count, seed):
    rng = random.Random(seed)
    last = b"N."
    for _ in range(count):
        roll = rng.random()
        stream = grow(rng, rng.choice([4, 8, 16, 40])) if roll < 0.75 else dumped(rng)
        if roll > 0.4 and rng.random() < 0.7:
            stream = mutate(rng, stream, last)
        last = stream
        view = rng.choice(["contiguous", "framed"])
        seen, ok = ask(stream, rng.choice(["ASCII", "latin1", "utf-8", "bytes"]), view)
        print(json.dumps({"s": base64.b64encode(stream).decode(), "g": seen, "ok": ok, "v": view}))


main(int(sys.argv[1]), int(sys.argv[2]))
