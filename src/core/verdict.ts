import type { Finding } from './finding.ts'

/** What a control says about an exchange. */
export type Verdict =
  | { readonly action: 'allow' }
  | { readonly action: 'annotate'; readonly findings: readonly Finding[] }
  | {
      readonly action: 'rewrite'
      readonly findings: readonly Finding[]
      readonly rewrites: readonly Rewrite[]
    }
  | { readonly action: 'throttle'; readonly findings: readonly Finding[]; readonly retryAfterMs: number }
  | { readonly action: 'deny'; readonly findings: readonly Finding[]; readonly reason: DenialReason }

/** A segment's text, replaced. */
export interface Rewrite {
  readonly pointer: string
  readonly text: string
}

/**
 * What the caller is told. Input errors name the input so that a client can be mended; a security denial says only that
 * policy refused (an error must not be an oracle), the findings go to the operator.
 */
export interface DenialReason {
  readonly kind: 'invalid-input' | 'policy'
  readonly message: string
  /** The input of the model that has to be mended, where it is one. */
  readonly input?: string
}

export const ALLOW: Verdict = { action: 'allow' }
