import type { Reference, Severity } from '../../../core/index.ts'
import type { Rule } from '../report.ts'

type Row = readonly [id: string, severity: Severity, title: string, references: string]

const FINDINGS: readonly Row[] = [
  // Archives
  ['zip.name-disagrees', 'high', 'A member has two names', 'CWE-436 CVE-2025-1944'],
  [
    'zip.flags-disagree',
    'high',
    'A member is encrypted or patched for some loaders only',
    'CWE-436 CVE-2025-1945',
  ],
  ['zip.method-disagrees', 'high', 'A member is compressed in two ways', 'CWE-436'],
  ['zip.size-disagrees', 'high', 'A member has two sizes', 'CWE-436'],
  ['zip.crc-disagrees', 'high', 'A checksum does not match the contents', 'CWE-354 CVE-2025-10156'],
  ['zip.duplicate-name', 'high', 'Two members of the same name', 'CWE-436'],
  ['zip.case-duplicate', 'medium', 'Two names that differ only in case', 'CWE-178'],
  ['zip.case-variant', 'medium', 'A name loaders look for, in other case', 'CWE-178'],
  ['zip.second-name', 'high', 'A second name in a Unicode path field', 'CWE-436'],
  ['zip.nul-in-name', 'high', 'A name with a NUL', 'CWE-158'],
  ['zip.directory-with-data', 'medium', 'A folder with contents of its own', 'CWE-436'],
  ['zip.several-end-records', 'high', 'Several ends of the archive', 'CWE-436'],
  ['zip.several-directories', 'high', 'Several directories', 'CWE-436'],
  ['zip.unlisted-member', 'medium', 'A member that no directory lists', 'CWE-436'],
  ['zip.directory-damaged', 'medium', 'A directory that does not fit its archive', 'CWE-436'],
  ['zip.data-before', 'medium', 'Bytes before the archive', 'CWE-436'],
  ['zip.data-between', 'medium', 'Bytes between the members', 'CWE-436'],
  ['zip.data-after', 'medium', 'Bytes after the archive', 'CWE-436'],
  ['zip.data-in-comment', 'medium', 'An archive comment that is not text', 'CWE-436'],
  ['zip.overlap', 'high', 'Members that share bytes', 'CWE-409'],
  ['archive.path-escape', 'high', 'A name that leaves its folder', 'CWE-22'],
  ['archive.link', 'medium', 'A link in an archive', 'CWE-59'],
  ['archive.link-escape', 'high', 'A link that points out of the archive', 'CWE-59 CVE-2007-4559'],
  ['archive.device', 'high', 'A device in an archive', 'CWE-434'],
  ['archive.bomb', 'high', 'Data that grows beyond measure', 'CWE-409'],
  ['archive.data-after', 'medium', 'Bytes after a compressed stream or archive', 'CWE-436'],
  // Content
  ['content.executable', 'critical', 'A program or library', 'CWE-434 AML.T0011.000'],
  ['content.script', 'high', 'A script of a shell', 'CWE-434 AML.T0011.000'],
  ['content.polyglot', 'high', 'One file, several formats', 'CWE-436'],
  ['content.name-mismatch', 'medium', 'Content that is not what the name says', 'CWE-434'],
  ['content.suspicious-text', 'medium', 'Commands or code where text should be', 'CWE-506'],
  ['content.suspicious-url', 'medium', 'An address to send data to or fetch code from', 'CWE-506'],
  ['content.secret', 'medium', 'A secret', 'CWE-798 AML.T0055'],
  // Keras and HDF5
  ['keras.lambda', 'critical', 'A Lambda layer', 'CWE-502 CVE-2024-3660 AML.T0011.000'],
  [
    'keras.unsafe-layer',
    'critical',
    'A layer that loads or runs code',
    'CWE-502 CVE-2025-8747 CVE-2025-49655',
  ],
  ['keras.unsafe-object', 'critical', 'An object from outside Keras', 'CWE-502 CVE-2025-1550'],
  ['keras.custom-object', 'medium', 'A class that must be registered by code', 'CWE-502'],
  ['keras.file-access', 'high', 'A layer that reads files when it is made', 'CWE-73 CVE-2025-12058'],
  ['hdf5.external-link', 'high', 'A link into another file', 'CWE-610 CVE-2025-9905'],
  ['hdf5.external-storage', 'high', 'Data kept in another file', 'CWE-610'],
  ['hdf5.damaged', 'low', 'HDF5 structures that are damaged', 'CWE-20'],
  // TensorFlow
  [
    'savedmodel.unsafe-operation',
    'critical',
    'An operation that reaches outside the graph',
    'CWE-829 AML.T0011.000',
  ],
  ['savedmodel.unknown-operation', 'medium', 'An operation that is not known to be harmless', 'CWE-829'],
  ['tflite.custom-operation', 'medium', 'An operation from outside TensorFlow Lite', 'CWE-829'],
  // GGUF, safetensors
  [
    'template.injection',
    'critical',
    'A template that reaches for the interpreter',
    'CWE-1336 CVE-2024-34359 AML.T0051',
  ],
  ['template.suspicious', 'medium', 'A template that does more than format', 'CWE-1336'],
  ['gguf.overflow', 'high', 'Numbers that overflow their reader', 'CWE-190 CVE-2024-23496 CVE-2024-21825'],
  ['gguf.inconsistent', 'medium', 'A GGUF file that contradicts itself', 'CWE-1284'],
  ['safetensors.overlap', 'high', 'Tensors that share bytes', 'CWE-1284'],
  ['safetensors.hole', 'medium', 'Bytes that no tensor covers', 'CWE-1284'],
  ['safetensors.duplicate-key', 'high', 'Two entries of one name', 'CWE-436'],
  ['safetensors.trailing-data', 'medium', 'Bytes after the last tensor', 'CWE-1284'],
  ['safetensors.inconsistent', 'medium', 'A header that does not describe its tensors', 'CWE-1284'],
  // Other formats
  ['skops.untrusted-type', 'high', 'A type that skops does not trust', 'CWE-502 CVE-2025-54412'],
  ['rds.promise', 'critical', 'R code that runs when the file is read', 'CWE-502 CVE-2024-27322'],
  ['rds.code', 'medium', 'R functions in a data file', 'CWE-502'],
  ['coreml.custom-code', 'high', 'A layer whose code comes from elsewhere', 'CWE-829'],
  ['openvino.extension', 'high', 'A layer whose code comes from elsewhere', 'CWE-829'],
  ['xml.entity', 'high', 'A document type with entities', 'CWE-611 CWE-776'],
  ['pmml.extension', 'medium', 'Script in a PMML model', 'CWE-829'],
  ['xgboost.inconsistent', 'medium', 'A tree model that contradicts itself', 'CWE-1284'],
  ['lightgbm.inconsistent', 'medium', 'A tree model that contradicts itself', 'CWE-1284'],
  // Repositories
  ['huggingface.remote-code', 'high', 'A configuration that names code to run', 'CWE-829 AML.T0010.003'],
  ['config.instantiation', 'high', 'A configuration that names what to call', 'CWE-470 CVE-2025-23304'],
  ['yaml.unsafe-tag', 'critical', 'YAML that builds objects', 'CWE-502 AML.T0011.000'],
  ['python.dangerous-code', 'high', 'Python that runs commands or fetches code', 'CWE-506 AML.T0011.000'],
]

/** A finding of one of these means that bytes were not understood. */
const UNREAD: readonly Row[] = [
  ['zip.encrypted', 'medium', 'A member that cannot be read without a password', 'CWE-311'],
  ['zip.unread', 'medium', 'A member that cannot be read', 'CWE-20'],
  ['archive.unread', 'medium', 'An archive that cannot be read', 'CWE-20'],
  ['archive.too-deep', 'medium', 'Containers nested too deeply', 'CWE-674'],
  ['archive.too-many-members', 'medium', 'More members than are examined', 'CWE-770'],
  ['archive.too-large', 'medium', 'More data than is examined', 'CWE-770'],
  ['archive.broken-stream', 'medium', 'A compressed stream that breaks', 'CWE-20'],
  ['content.unknown', 'medium', 'Content of an unknown format', 'CWE-434'],
  ['content.unread', 'medium', 'A file that breaks the rules of its format', 'CWE-20'],
  ['scan.time-limit', 'medium', 'A file that takes too long to examine', 'CWE-400'],
  ['scan.memory-limit', 'medium', 'A file that takes too much memory to examine', 'CWE-400'],
  ['scan.failed', 'medium', 'A file that the scanner failed on', 'CWE-755'],
  ['scan.changed', 'medium', 'A file that changed while it was read', 'CWE-367'],
]

/** Notes: nothing hangs on them. */
const NOTES: readonly Row[] = [
  ['content.empty', 'info', 'An empty file', ''],
  ['python.code', 'info', 'Python code that needs review', 'CWE-829'],
]

/** Rules about everything that is not a pickle. */
export const CHECK_RULES: readonly Rule[] = [
  ...FINDINGS.map((row) => toRule(row)),
  ...NOTES.map((row) => toRule(row)),
  ...UNREAD.map((row): Rule => ({ ...toRule(row), isUnread: true })),
]

function toRule([id, severity, title, references]: Row): Rule {
  return { id, severity, title, references: references.split(' ').filter(Boolean).map(toReference) }
}

function toReference(id: string): Reference {
  if (id.startsWith('CVE-')) return { scheme: 'CVE', id }
  if (id.startsWith('AML.')) return { scheme: 'MITRE-ATLAS', id }
  if (id.startsWith('LLM')) return { scheme: 'OWASP-LLM', id }
  return { scheme: 'CWE', id }
}
