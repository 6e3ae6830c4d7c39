import type { ModelSchema, TensorSchema } from '../../../core/index.ts'
import type { Route } from '../../snapshot.ts'

/** The answer to GET /v2. */
export function serverMetadata(version: string): string {
  return JSON.stringify({ name: 'sallyport', version, extensions: ['binary_tensor_data'] })
}

/** The answer to GET /v2/models/{model}[/versions/{version}]. */
export function modelMetadata(route: Route, versions: readonly string[]): string {
  return JSON.stringify({
    name: route.model,
    versions,
    platform: route.platform,
    ...tensors(route.schema),
  })
}

function tensors(schema: ModelSchema) {
  return { inputs: schema.inputs.map(tensorMetadata), outputs: schema.outputs.map(tensorMetadata) }
}

/** What is beyond the protocol's name, datatype and shape stands under `parameters`. */
function tensorMetadata(schema: TensorSchema) {
  const { name, datatype, shape, ...parameters } = schema
  return { name, datatype, shape, ...(Object.keys(parameters).length === 0 ? {} : { parameters }) }
}
