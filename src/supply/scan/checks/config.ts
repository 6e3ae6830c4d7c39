import { type JsonNode, jsonMember, jsonString, readJson, walkJson } from '../../../formats/index.ts'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'
import { isForeignUrl } from './formats.ts'
import { checkSecrets, checkText } from './indicators.ts'
import { checkKerasConfig, isKerasConfig } from './keras.ts'
import { checkTemplate } from './template.ts'

/** Keys whose value a framework imports and calls: Hydra, Lightning CLI, torchtune. */
const INSTANTIATING = new Set(['_target_', '__target__', '_component_', 'class_path', '_class_path_'])
/** `module.Class` of the frameworks that these configurations are made for. A function of theirs is not among them. */
const KNOWN_TARGET =
  /^(?:nemo\.(?:collections|core|lightning|utils)|torch\.(?:nn|optim|utils\.data)|torchvision|torchaudio|torchmetrics|torchtune|transformers|diffusers|peft|trl|pytorch_lightning|lightning|omegaconf|hydra|monai|timm|fairseq2?|speechbrain|espnet2?|megatron|mmengine|mmdet|sklearn|keras|ultralytics|audiocraft|flow_matching|bitsandbytes)(?:\.\w+)*\.[A-Z]\w*$/
/** Functions that configurations of the same frameworks commonly name and that only make data, layers or optimisers. */
const KNOWN_FUNCTION =
  /^(?:torchtune\.(?:models|datasets|modules|training|data|rlhf)\.[\w.]+|torch\.nn\.(?:functional|init)\.\w+|hydra\.utils\.get_(?:class|method))$/
const DANGEROUS_ROOT =
  /^(?:os|posix|nt|subprocess|builtins|__builtin__|sys|importlib|shutil|pty|socket|pickle|cPickle|_pickle|marshal|runpy|code|codeop|ctypes|webbrowser|urllib|requests|http|pathlib|tempfile|commands|pip|dill|cloudpickle|joblib|shelve|asyncio|multiprocessing|threading|signal|types|inspect|operator|functools|eval|exec|compile|open|getattr|__import__|site|pdb|timeit|cProfile|profile|trace|torch\.(?:load|hub|jit|package|serialization|utils\.cpp_extension)|numpy\.(?:load|f2py|testing|ctypeslib)|pandas\.(?:read_pickle|eval)|yaml)(?:\.|$)/

/** JSON of a model repository: what loaders call because of it. */
export function checkJson(blob: Blob, text: string, context: CheckContext): boolean {
  const { value, anomalies } = readJson(text)
  if (value === undefined) return false
  if (anomalies.some((anomaly) => anomaly.code === 'trailing-text')) return false
  checkConfiguration(blob, value, context)
  if (isKerasConfig(value)) checkKerasConfig(blob, value, 'configuration', context)
  checkTreeModel(blob, value, context)
  return true
}

/** Every object and every text of a configuration, whatever its file is called. */
export function checkConfiguration(blob: Blob, root: JsonNode, context: CheckContext): void {
  const { examination } = context
  for (const { node, path, key } of walkJson(root)) {
    if (node.kind === 'object') {
      for (const [name, value] of node.entries) checkEntry(blob, name, value, `${path}/${name}`, context)
    } else if (node.kind === 'string' && node.value.length >= 4) {
      if (/^\/(?:model\/)?(?:vocab|merges|added_tokens)\b/.test(path)) continue
      if (/\{[{%]/.test(node.value)) checkTemplate(blob, node.value, path, context)
      else if (!/description|readme|comment|docstring|license|citation/i.test(key)) {
        checkText(blob, node.value, path, context)
        if (
          /(?:callback|webhook|download|remote|exfil|api|hook|payload)_?(?:url|uri|endpoint)$/i.test(key) &&
          isForeignUrl(node.value)
        ) {
          examination.report('content.suspicious-url', blob, {
            message: `an address to call (${path})`,
            evidence: node.value,
          })
        }
      }
      checkSecrets(blob, node.value, path, context)
    }
  }
}

function checkEntry(blob: Blob, name: string, value: JsonNode, path: string, context: CheckContext): void {
  const { examination } = context
  if (name === 'auto_map' || name === 'custom_pipelines') {
    const named = [...walkJson(value)].flatMap(({ node }) => (node.kind === 'string' ? [node.value] : []))
    if (named.length === 0) return
    const isForeign = named.some((target) => target.includes('--'))
    const where = isForeign ? 'from another repository' : 'from this repository'
    const message = `${path} makes the loader import Python ${where} when remote code is trusted`
    examination.report('huggingface.remote-code', blob, { message, evidence: named.join(', ') })
  } else if (name === 'trust_remote_code' && value.kind === 'other' && value.value === true) {
    const message = `${path} asks for remote code to be trusted`
    examination.report('huggingface.remote-code', blob, { message, severity: 'medium' })
  } else if (INSTANTIATING.has(name) && value.kind === 'string') {
    checkTarget(blob, value.value, path, context)
  } else if ((name === 'target' || name === 'callable' || name === 'factory') && value.kind === 'string') {
    if (/^[A-Za-z_]\w*(?:\.\w+)+$/.test(value.value) && DANGEROUS_ROOT.test(value.value))
      checkTarget(blob, value.value, path, context)
  }
}

function checkTarget(blob: Blob, target: string, path: string, context: CheckContext): void {
  if (DANGEROUS_ROOT.test(target)) {
    const message = `${path} makes the loader call a function that reaches outside of the model`
    context.examination.report('config.instantiation', blob, {
      message,
      evidence: target,
      severity: 'critical',
    })
  } else if (!KNOWN_TARGET.test(target) && !KNOWN_FUNCTION.test(target)) {
    const message = `${path} makes the loader import and call something that is not known`
    context.examination.report('config.instantiation', blob, { message, evidence: target })
  }
}

/** XGBoost in JSON: arrays of a tree that do not fit each other make its loader read out of bounds. */
function checkTreeModel(blob: Blob, root: JsonNode, context: CheckContext): void {
  const booster = jsonMember(jsonMember(root, 'learner'), 'gradient_booster')
  const trees = jsonMember(jsonMember(booster, 'model'), 'trees')
  if (trees?.kind !== 'array') return
  trees.items.forEach((tree, index) => {
    const lengthOf = (name: string) => {
      const values = jsonMember(tree, name)
      return values?.kind === 'array' ? values.items.length : undefined
    }
    const count = Number(jsonString(jsonMember(tree, 'tree_param'), 'num_nodes') ?? Number.NaN)
    const lengths = ['left_children', 'right_children', 'parents', 'split_conditions'].map(lengthOf)
    const [nodes] = lengths
    const children = ['left_children', 'right_children'].flatMap((name) => {
      const values = jsonMember(tree, name)
      return values?.kind === 'array' ? values.items : []
    })
    const isOutside = children.some(
      (child) =>
        child.kind !== 'other' ||
        typeof child.value !== 'number' ||
        child.value >= (nodes ?? 0) ||
        child.value < -1,
    )
    if (
      lengths.some((length) => length !== nodes) ||
      (!Number.isNaN(count) && count !== nodes) ||
      isOutside
    ) {
      context.examination.report('xgboost.inconsistent', blob, {
        message: `tree ${index} contradicts itself`,
      })
    }
  })
}

/** LightGBM's text form: the arrays of each tree have as many entries as it says it has leaves. */
export function checkLightGbm(blob: Blob, text: string, context: CheckContext): void {
  for (const [index, tree] of text
    .split(/^Tree=\d+$/m)
    .slice(1)
    .entries()) {
    const leaves = Number(/^num_leaves=(\d+)$/m.exec(tree)?.[1] ?? Number.NaN)
    const lengthOf = (name: string) =>
      new RegExp(`^${name}=(.*)$`, 'm').exec(tree)?.[1]?.trim().split(/\s+/).filter(Boolean)
    const values = lengthOf('leaf_value')
    const children = [...(lengthOf('left_child') ?? []), ...(lengthOf('right_child') ?? [])].map(Number)
    const isOutside = children.some((child) => !Number.isInteger(child) || child >= leaves || child < -leaves)
    if (Number.isNaN(leaves) || (values !== undefined && values.length !== leaves) || isOutside) {
      context.examination.report('lightgbm.inconsistent', blob, {
        message: `tree ${index} contradicts itself`,
      })
    }
  }
}

/** skops (schema.json): types that its loader would make. */
const SKOPS_MODULE =
  /^(?:sklearn|numpy|scipy|pandas|builtins|collections|datetime|xgboost|lightgbm|catboost|quantile_forest|category_encoders|imblearn|skops)(?:\.|$)/
const SKOPS_BUILTINS = new Set([
  'list',
  'dict',
  'tuple',
  'set',
  'frozenset',
  'int',
  'float',
  'str',
  'bool',
  'bytes',
  'bytearray',
  'complex',
  'slice',
  'range',
  'type',
  'NoneType',
  'object',
  'ellipsis',
])

export function checkSkops(blob: Blob, text: string, context: CheckContext): void {
  const { value } = readJson(text)
  if (value === undefined) return
  for (const { node, path } of walkJson(value)) {
    const name = jsonString(node, '__class__')
    const module = jsonString(node, '__module__')
    const loader = jsonString(node, '__loader__') ?? ''
    if (name === undefined || module === undefined) continue
    const isKnown = SKOPS_MODULE.test(module) && (module !== 'builtins' || SKOPS_BUILTINS.has(name))
    // Function and method nodes say in their content what they really call (CVE-2025-54412, CVE-2025-54413).
    const isOperator = loader === 'OperatorFuncNode' && module === 'operator' && /^(?:itemgetter)$/.test(name)
    const isPlain = loader === 'PartialNode' || (module === 'functools' && name === 'partial')
    const isUnsafe = /^(?:MethodNode|OperatorFuncNode)$/.test(loader) && !isOperator
    if (
      (isKnown || isOperator || isPlain) &&
      !isUnsafe &&
      !/^(?:eval|exec|open|system|load|loads|__import__)$/.test(name)
    )
      continue
    const message = `a ${loader || 'node'} of a type that skops does not trust (${path})`
    context.examination.report('skops.untrusted-type', blob, { message, evidence: `${module}.${name}` })
  }
}
