import { type ModelSchema, SallyportError, type TensorSchema } from '../../core/index.ts'
import { datatypeOf, type OnnxValue, readOnnx } from '../../formats/index.ts'

/**
 * Holds the declared inputs and outputs against what the ONNX file itself declares: the same names, element types and
 * ranks; a fixed dimension is the same, a free one may be declared free or narrowed to a number. A file without a graph declares nothing; that it is no model is for the scanner to say.
 * @param modelFile the bytes of the ONNX file.
 * @throws SallyportError `supply.declaration-mismatch` (invalid), which names every tensor that differs.
 */
export function requireDeclaredInterface(declared: ModelSchema, modelFile: Uint8Array): void {
  const { graph } = readOnnx(modelFile).model
  if (graph === undefined) return
  // Before IR version 4 weights with defaults had to stand among the inputs too; they are not asked of the caller.
  const defaults = new Set([
    ...graph.initializers.map((tensor) => tensor.name),
    ...graph.sparseInitializers.map((tensor) => tensor.values?.name),
  ])
  const problems = [
    ...differences(
      'input',
      declared.inputs,
      graph.inputs.filter((input) => !defaults.has(input.name)),
    ),
    ...differences('output', declared.outputs, graph.outputs),
  ]
  if (problems.length === 0) return
  const shown = problems.slice(0, 20)
  throw new SallyportError(
    'supply.declaration-mismatch',
    `model.yaml does not describe the ONNX model: ${shown.join('; ')}`,
    { kind: 'invalid', remedy: 'declare what the model takes and gives', details: { problems: shown } },
  )
}

function differences(
  role: 'input' | 'output',
  declared: readonly TensorSchema[],
  actual: readonly OnnxValue[],
): string[] {
  const byName = new Map(actual.map((value) => [value.name, value]))
  const problems = declared.flatMap((tensor) => {
    const value = byName.get(tensor.name)
    const problem = value === undefined ? 'the model has none of that name' : difference(tensor, value)
    return problem === undefined ? [] : [`${role} '${tensor.name}': ${problem}`]
  })
  const names = new Set(declared.map((tensor) => tensor.name))
  // Its names come from an untrusted file, so they are counted, not printed.
  const undeclared = actual.filter((value) => !names.has(value.name)).length
  if (undeclared > 0) problems.push(`${undeclared} of the model's ${role}s are not declared`)
  if (byName.size !== actual.length) problems.push(`two of the model's ${role}s have the same name`)
  return problems
}

function difference({ datatype, shape }: TensorSchema, { type }: OnnxValue): string | undefined {
  if (type.kind !== 'tensor') return `the model's is no tensor but of kind ${type.kind}`
  const actual = type.elementType === undefined ? undefined : datatypeOf(type.elementType)
  if (actual === undefined) return `the model's elements (${type.elementType ?? 'unknown'}) cannot be served`
  if (actual !== datatype) return `declared ${datatype}, the model has ${actual}`
  if (type.shape === undefined) return undefined
  if (type.shape.length !== shape.length) {
    return `declared ${shape.length} dimensions, the model has ${type.shape.length}`
  }
  const wrong = type.shape.findIndex(
    (dimension, axis) => isFixed(dimension) && dimension !== BigInt(shape[axis] ?? -1),
  )
  return wrong === -1
    ? undefined
    : `dimension ${wrong} is declared ${shape[wrong]}, the model has ${type.shape[wrong]}`
}

/** Exporters write a free dimension as a name, as nothing, or as a negative number. */
function isFixed(dimension: bigint | string | undefined): dimension is bigint {
  return typeof dimension === 'bigint' && dimension >= 0n
}
