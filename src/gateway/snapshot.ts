import type {
  ArtifactId,
  EnvironmentName,
  Identity,
  ModelName,
  ModelSchema,
  Tensor,
  VersionName,
} from '../core/index.ts'

/** Everything the hot path knows, immutable; replaced as a whole when keys or deployments change. */
export interface GatewaySnapshot {
  readonly keys: Authenticator
  readonly routes: ReadonlyMap<ModelName, readonly Route[]>
}

/** Who holds a credential; answered from memory, in constant time. `KeySnapshot` of the identity wing is one. */
export interface Authenticator {
  authenticate(credential: string | undefined, nowMs: number): Identity | AuthenticationFailure
}

/** Why a credential was not accepted; for the operator, the caller learns only that it was not. */
export interface AuthenticationFailure {
  readonly kind: 'authentication-failure'
  readonly reason: string
}

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
