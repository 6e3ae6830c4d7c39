import {
  type ByteSource,
  type JsonNode,
  jsonMember,
  jsonString,
  readHdf5,
  readJson,
  walkJson,
} from '../../../formats/index.ts'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'
import { checkText } from './indicators.ts'

/** Layers that hold code, load models of other kinds, or run code when they are made. */
const UNSAFE_CLASSES = new Map([
  ['TorchModuleWrapper', 'it unpickles a PyTorch module'],
  ['TFSMLayer', 'it loads a SavedModel'],
  ['JaxLayer', 'it holds functions'],
  ['FlaxLayer', 'it holds functions'],
])
/** Layers whose configuration names files or functions. */
const FILE_KEYS = new Map([
  ['StringLookup', 'vocabulary'],
  ['IntegerLookup', 'vocabulary'],
  ['TextVectorization', 'vocabulary'],
  ['IndexLookup', 'vocabulary'],
])
/** The packages of Keras and its own companions; everything else is an import of the attacker's choice. */
const KERAS_MODULE =
  /^(?:keras|keras\.src|keras_hub|keras_cv|keras_nlp|keras_tuner|tensorflow\.keras|tf_keras|tensorflow\.python\.keras|keras\.api|builtins)(?:\.|$)/
/** Functions of Keras that fetch, write or import (CVE-2025-8747). */
const UNSAFE_PATH =
  /(?:^|\.)(?:utils\.(?:get_file|data_utils|file_utils|module_utils|python_utils|model_to_dot|audio_dataset\w*|\w*download\w*)|saving\.(?:load_model|load_weights|\w*serialization_lib\.\w*)|models\.load_model|export|callbacks\.(?:LambdaCallback|BackupAndRestore|ModelCheckpoint|CSVLogger|RemoteMonitor|TensorBoard))/

const CORE_BUILTINS = new Set([
  'float',
  'int',
  'bool',
  'str',
  'list',
  'dict',
  'tuple',
  'set',
  'slice',
  'bytes',
  'NoneType',
])

/** An HDF5 file: what Keras reads from it, and what would make HDF5 itself open another file. */
export function checkHdf5(blob: Blob, source: ByteSource, context: CheckContext): void {
  const reading = readHdf5(source)
  const { examination } = context
  for (const link of reading.externalLinks) {
    examination.report('hdf5.external-link', blob, {
      message: `${link.name} lies in another file`,
      offset: link.offset,
      evidence: link.target,
    })
  }
  for (const storage of reading.externalStorage) {
    const what =
      storage.kind === 'files' ? 'keeps its values in other files' : 'is put together from other files'
    examination.report('hdf5.external-storage', blob, {
      message: `${storage.object} ${what}`,
      offset: storage.offset,
    })
  }
  for (const attribute of reading.attributes) {
    const where = `attribute ${attribute.name} of ${attribute.object || '/'}`
    for (const text of attribute.texts) {
      if (/^\s*[{[]/.test(text)) checkKerasText(blob, text, where, context, attribute.offset)
      else checkText(blob, text, where, context, attribute.offset)
    }
  }
  for (const anomaly of reading.anomalies) {
    examination.report(anomaly.isUnread ? 'content.unread' : 'hdf5.damaged', blob, {
      message: anomaly.message,
      offset: anomaly.offset,
    })
  }
}

/** A configuration as text; one that cannot be parsed is still searched for the names of unsafe layers. */
export function checkKerasText(
  blob: Blob,
  text: string,
  where: string,
  context: CheckContext,
  offset?: number,
): void {
  const { value } = readJson(text)
  if (value !== undefined) {
    checkKerasConfig(blob, value, where, context, offset)
    return
  }
  const match = /"class_name"\s*:\s*"(?:Lambda|TorchModuleWrapper|TFSMLayer)"/.exec(text)
  if (match === null) return
  const at = offset === undefined ? {} : { offset }
  context.examination.report('keras.lambda', blob, {
    message: `a layer with code (${where})`,
    ...at,
    evidence: match[0],
  })
}

/** True for JSON that Keras would read as a model: any object with a class name and a configuration. */
export function isKerasConfig(root: JsonNode): boolean {
  return jsonString(root, 'class_name') !== undefined && jsonMember(root, 'config') !== undefined
}

/** Walks every object of a configuration, whatever holds it: models, wrappers, losses, compile arguments. */
export function checkKerasConfig(
  blob: Blob,
  root: JsonNode,
  where: string,
  context: CheckContext,
  offset?: number,
): void {
  for (const { node, path } of walkJson(root)) {
    if (node.kind !== 'object') continue
    const report = (rule: string, message: string, evidence: string) =>
      context.examination.report(rule, blob, {
        message: `${message} (${where}${path})`,
        ...(offset === undefined ? {} : { offset }),
        evidence,
      })
    checkKerasObject(node, report)
  }
}

type Report = (rule: string, message: string, evidence: string) => void

function checkKerasObject(node: JsonNode, report: Report): void {
  // A name may stand twice; Python takes the last, other readers the first.
  const entries = node.kind === 'object' ? node.entries : []
  for (const [key, value] of entries) {
    if (value.kind !== 'string') continue
    if (key === 'class_name') checkClass(value.value, node, report)
    if (key === 'module') checkModule(value.value, node, report)
    if (key === 'registered_name') checkRegistered(value.value, node, report)
  }
}

function checkClass(name: string, node: JsonNode, report: Report): void {
  const short =
    name
      .slice(name.lastIndexOf('>') + 1)
      .split('.')
      .at(-1) ?? name
  if (short === 'Lambda' || name === '__lambda__') {
    report(
      'keras.lambda',
      'a Lambda layer holds Python code that runs when the model is loaded or called',
      name,
    )
  }
  const why = UNSAFE_CLASSES.get(short)
  if (why !== undefined) report('keras.unsafe-layer', `the layer ${short} is not safe: ${why}`, name)
  const fileKey = FILE_KEYS.get(short)
  const file = fileKey === undefined ? undefined : jsonString(jsonMember(node, 'config'), fileKey)
  if (file !== undefined) report('keras.file-access', `the layer ${short} reads a file when it is made`, file)
  if (short === 'function' || short === 'Function' || short === '__typespec__') return
  if (name === 'custom>' || name.startsWith('Custom>')) report('keras.custom-object', 'a custom class', name)
}

function checkModule(module: string, node: JsonNode, report: Report): void {
  const className = jsonString(node, 'class_name') ?? ''
  const config = jsonMember(node, 'config')
  // Only an object that is to be deserialised imports its module.
  if (className === '' && config === undefined) return
  const target = `${module}.${className === 'function' ? (config?.kind === 'string' ? config.value : '') : className}`
  if (module === 'builtins') {
    const functionName = config?.kind === 'string' ? config.value : className
    const isData =
      CORE_BUILTINS.has(className) || (className === 'function' && CORE_BUILTINS.has(functionName))
    if (!isData) report('keras.unsafe-object', 'a configuration names a function of Python itself', target)
    return
  }
  if (!KERAS_MODULE.test(module))
    report('keras.unsafe-object', 'a configuration imports from outside of Keras', target)
  else if (UNSAFE_PATH.test(target))
    report('keras.unsafe-object', 'a configuration names a function that loads or fetches', target)
}

function checkRegistered(name: string, node: JsonNode, report: Report): void {
  const className = jsonString(node, 'class_name') ?? ''
  // Keras writes the name of its own classes again; `package>Name` must have been registered by code.
  if (name.includes('>') && !/^(?:keras|keras_hub|keras_nlp|keras_cv|KerasNLP|builtins)\w*>/i.test(name)) {
    report('keras.custom-object', 'a class that only the code of the author can register', name)
  } else if (name !== className && /(?:Lambda|TorchModuleWrapper|TFSMLayer)$/.test(name)) {
    report('keras.unsafe-layer', 'a layer with code under another name', name)
  }
}
