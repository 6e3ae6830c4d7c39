import type {
  ArtifactId,
  EnvironmentName,
  ModelName,
  ModelSchema,
  Tensor,
  VersionName,
} from '../core/index.ts'
import type { KeySnapshot } from '../identity/index.ts'

/** Everything the hot path knows, immutable; replaced as a whole when keys or deployments change. */
export interface GatewaySnapshot {
  readonly keys: Authenticator
  readonly routes: ReadonlyMap<ModelName, readonly Route[]>
}

/** Who holds a credential; answered from memory, in constant time. */
export type Authenticator = Pick<KeySnapshot, 'authenticate'>

/** One version of a model in an environment, and how to invoke it. */
export interface Route {
  readonly model: ModelName
  readonly version: VersionName
  readonly environment: EnvironmentName
  readonly artifactId: ArtifactId
  readonly schema: ModelSchema
  /** As Open Inference Protocol's metadata calls it, such as `onnxruntime_onnx`. */
  readonly platform: string
  /** Whether it answers requests that name no version; exactly one route of a model does. */
  readonly isDefault: boolean
  /**
   * The model's answer. Rejects with a SallyportError, of kind `unavailable` while its worker is not there, `timeout`
   * after `timeoutMs`.
   */
  infer(inputs: readonly Tensor[], options: InferOptions): Promise<readonly Tensor[]>
  isReady(): boolean
}

export interface InferOptions {
  readonly timeoutMs: number
  /** Aborted when the client has left. */
  readonly signal: AbortSignal
}
