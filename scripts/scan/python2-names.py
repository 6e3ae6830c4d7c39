"""Prints the tables of src/formats/pickle/python2-names.ts from the CPython that runs this.

usage: python3 scripts/scan/python2-names.py
"""
import _compat_pickle

for key, value in sorted(_compat_pickle.IMPORT_MAPPING.items()):
    print(f"  ['{key}', '{value}'],")
print()
for key, value in sorted(_compat_pickle.NAME_MAPPING.items()):
    print(f"  ['{key[0]} {key[1]}', ['{value[0]}', '{value[1]}']],")
