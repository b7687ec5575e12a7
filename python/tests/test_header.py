# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module knows all of hypermin.h, and as it is: gcc compares them."""

import ctypes
import enum
import pathlib
import re
import subprocess

import pytest

import hypermin
from hypermin import _library, _settings

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"
HEADER = re.sub(r"/\*.*?\*/", "", (INCLUDE / "hypermin.h").read_text(), flags=re.S)

STRUCTURES = {
    _library.Command: "hypermin_command",
    _library.Result: "hypermin_result",
    _library.BlockDevice: "hypermin_block_device",
    _library.SessionItem: "hypermin_session",
    _library.Assembly: "hypermin_assembly",
    _library.CacheItem: "hypermin_cache_item",
    _library.CacheLimits: "hypermin_cache_limits",
}
FUNCTION_TYPES = {
    "LogFunction": "hypermin_log_fn",
    "SessionFunction": "hypermin_session_fn",
    "CacheFunction": "hypermin_cache_fn",
    "DoctorFunction": "hypermin_doctor_fn",
    "EndedFunction": "hypermin_ended_fn",
}
ENUMERATIONS = {
    "hypermin_log_level": (hypermin.LogLevel, "HYPERMIN_LOG_"),
    "hypermin_outcome": (hypermin.Outcome, "HYPERMIN_"),
    "hypermin_status": (hypermin.Status, "HYPERMIN_STATUS_"),
    "hypermin_format": (hypermin.Format, "HYPERMIN_FORMAT_"),
    "hypermin_finding": (hypermin.Severity, "HYPERMIN_FINDING_"),
}
# These are words in the texts of disks and shares.
WORDS = {"hypermin_access", "hypermin_share_mode"}
# hypermin_set() takes their settings by name; the last two are in the text of a disk.
BY_NAME = {
    "hypermin_add_package": "package", "hypermin_set_root": "root",
    "hypermin_set_image": "image", "hypermin_set_kernel": "kernel",
    "hypermin_set_memory": "memory", "hypermin_set_cpus": "cpus",
    "hypermin_set_accelerator": "accel", "hypermin_set_machine": "machine",
    "hypermin_set_root_bus": "root-bus", "hypermin_set_plain": "plain",
    "hypermin_set_fast": "fast", "hypermin_set_cold": "cold",
    "hypermin_set_strict": "strict", "hypermin_set_boot_timeout": "boot-timeout",
    "hypermin_set_silence_timeout": "silence-timeout", "hypermin_set_timeline": "timeline",
    "hypermin_set_cache_dir": "cache-dir", "hypermin_add_share": "share",
    "hypermin_set_host": "host", "hypermin_set_net": "net",
    "hypermin_add_forward": "forward", "hypermin_add_reach": "reach",
    "hypermin_append": "append", "hypermin_add_qemu_argument": "qemu-arg",
    "hypermin_set_gdb": "gdb", "hypermin_set_console": "console",
    "hypermin_set_appliance": "appliance", "hypermin_set_from": "from",
    "hypermin_set_hold": "hold",
    "hypermin_add_disk": "disk", "hypermin_set_sector_size": "disk",
    "hypermin_set_serial": "disk", "hypermin_set_wait_memory": "wait-memory",
}
JOB_FUNCTIONS = {"hypermin_wait", "hypermin_signal", "hypermin_give_up"}
# A value of each setting that shows its name.
EXAMPLES: _settings.Settings = {
    "packages": ["x"], "root": "x", "image": "x", "kernel": "x", "modules": "x",
    "appliance": "x", "hold": "x", "from_state": "x", "cache_dir": "x", "memory_mib": 1, "cpus": 1,
    "accel": "x", "machine": "x", "root_bus": "x", "plain": True, "fast": True, "cold": True,
    "strict": True, "console": True, "boot_timeout": 1, "silence_timeout": 1,
    "wait_memory": 1, "timeline": "x",
    "disks": ["x"], "host": True, "net": True, "forward": ["x"], "reach": ["x"],
    "append": ["x"], "qemu_args": ["x"], "gdb": True,
    "shares": ["x", hypermin.Share("x", mode="rw"), hypermin.Share("x", mode="overlay")],
}


def spelled(kind, result=False):
    """The type as C has it, without const."""
    simple = {None: "void", ctypes.c_int: "int", ctypes.c_uint: "unsigned",
              ctypes.c_bool: "_Bool", ctypes.c_size_t: "size_t",
              ctypes.c_uint64: "uint64_t", ctypes.c_int64: "int64_t",
              ctypes.c_short: "short", ctypes.c_char_p: "char *", ctypes.c_char * 32: "char [32]"}
    if kind is ctypes.c_void_p:
        return "char *" if result else "void *"
    if kind is _library.PollFd:
        return "struct pollfd"
    if kind in STRUCTURES:
        return f"struct {STRUCTURES[kind]}"
    if isinstance(kind, type) and issubclass(kind, ctypes._Pointer):
        return spelled(kind._type_) + " *"
    for name, typedef in FUNCTION_TYPES.items():
        if kind is getattr(_library, name):
            return typedef + " *"
    if kind is _library.ReadyFunction:
        return f"int (*)({', '.join(spelled(part) for part in kind._argtypes_)})"
    # size_t and uint64_t may be one type for ctypes.
    return simple[kind]


def compiles(lines):
    text = "#include <stddef.h>\n#include <hypermin.h>\n" + "\n".join(lines) + "\n"
    gcc = subprocess.run(["gcc", "-std=gnu11", "-fsyntax-only", "-Dconst=", f"-I{INCLUDE}",
                          "-x", "c", "-"], input=text, stderr=subprocess.PIPE, text=True)
    assert gcc.returncode == 0, gcc.stderr


def functions():
    return set(re.findall(r"^HYPERMIN_API[^;(]*?\b(\w+)\(", HEADER, re.M))


def test_all_functions_are_known():
    assert functions() == set(_library.PROTOTYPES) | set(BY_NAME)


def test_all_settings_are_known():
    text = (INCLUDE / "hypermin.h").read_text()
    listed = re.search(r"The names are ([^.]*)\.", text).group(1)
    names = set(re.sub(r"[*,]|\band\b", " ", listed).split())
    known = {name for name, value in _settings.options(EXAMPLES)}
    assert set(EXAMPLES) == set(hypermin.Settings.__annotations__)
    assert known == names
    assert set(BY_NAME.values()) <= names


@pytest.mark.parametrize("function", sorted(_library.PROTOTYPES))
def test_prototype(function):
    result, parameters = _library.PROTOTYPES[function]
    texts = [spelled(parameter) for parameter in parameters]
    # Of a void pointer only its place tells what it points to.
    own = "struct hypermin_job *" if function in JOB_FUNCTIONS else "struct hypermin *"
    if texts:
        texts[0] = texts[0].replace("void *", own)
    returned = {"hypermin_new": "struct hypermin *",
                "hypermin_begin": "struct hypermin_job *"}.get(
                    function, spelled(result, result=True))
    # A second declaration has to agree with the first.
    compiles([f"{returned} {function}({', '.join(texts) or 'void'});"])


@pytest.mark.parametrize("name", sorted(FUNCTION_TYPES))
def test_function_type(name):
    function = getattr(_library, name)
    texts = [spelled(part) for part in function._argtypes_]
    if name == "EndedFunction":
        texts[0] = "struct hypermin_job *"
    own = f"{spelled(function._restype_)} ({', '.join(texts)})"
    compiles([f"_Static_assert(__builtin_types_compatible_p({FUNCTION_TYPES[name]}, {own}),"
              f' "{name}");'])


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: structure.__name__)
def test_structure(structure):
    name = STRUCTURES[structure]
    body = re.search(rf"^struct {name} {{(.*?)^}};", HEADER, re.M | re.S).group(1)
    members = re.findall(r"(\w+)\s*(?:\[\w+\])?\s*[,;]", body)
    assert [field for field, kind in structure._fields_] == members
    lines = [f"_Static_assert(sizeof(struct {name}) == {ctypes.sizeof(structure)}, \"size\");"]
    for field, kind in structure._fields_:
        offset = getattr(structure, field).offset
        lines += [f'_Static_assert(offsetof(struct {name}, {field}) == {offset}, "{field}");',
                  f"_Static_assert(__builtin_types_compatible_p(__typeof__(((struct {name} *)0)"
                  f'->{field}), {spelled(kind)}), "{field}");']
    compiles(lines)


def test_enumerations():
    lines = []
    in_header = set(re.findall(r"^enum (\w+) {", HEADER, re.M))
    assert in_header == set(ENUMERATIONS) | WORDS
    for name, (enumeration, prefix) in ENUMERATIONS.items():
        body = re.search(rf"^enum {name} {{(.*?)^}};", HEADER, re.M | re.S).group(1)
        assert [prefix + member.name for member in enumeration] == re.findall(r"\w*[A-Z]\w*", body)
        assert issubclass(enumeration, enum.IntEnum)
        lines += [f'_Static_assert({prefix}{member.name} == {member.value}, "{member.name}");'
                  for member in enumeration]
    compiles(lines)


def test_version():
    assert _library.lib.hypermin_version().decode() == hypermin.__version__
