import type { KeyId, TenantId } from './ids.ts'

/** What an identity may do; the policy decides the rest. */
export const SCOPES = ['infer', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** Who is calling, once proven. */
export interface Identity {
  readonly kind: 'api-key'
  readonly keyId: KeyId
  readonly tenant: TenantId
  readonly scopes: readonly Scope[]
}
