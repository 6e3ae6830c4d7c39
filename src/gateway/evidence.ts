import type { EventInput, Receipt } from '../audit/index.ts'
import type { Decision, Identity } from '../core/index.ts'
import type { JsonValue } from '../crypto/index.ts'
import type { Call } from './call.ts'
import type { ErrorAnswer } from './error-answer.ts'
import type { Route } from './snapshot.ts'

/** Where events go. `append` resolves only when the event is durable. */
export interface EvidenceLog {
  append(event: EventInput): Promise<Pick<Receipt, 'id'>>
}

// The log writes members in the order of their names (RFC 8785). Where they already stand in it, as they do here, it does
// not have to sort them, which would cost several times as much as all the rest of the writing.

export function servedEvent(
  call: Call,
  identity: Identity,
  route: Route,
  responseBody: Uint8Array | string,
): EventInput {
  return {
    type: 'exchange.served',
    data: {
      artifact: route.artifactId,
      decisions: decisionPath(call.decisions),
      durationMs: roundMs(call.elapsedMs()),
      environment: route.environment,
      exchange: call.id,
      model: route.model,
      status: 200,
      version: route.version,
    },
    private: { key: identity.keyId, tenant: identity.tenant },
    commit: { request: call.body ?? '', response: responseBody },
  }
}

/** What is known of a request when it is refused; bytes that were no request have nothing but an id. */
type RefusedCall = Pick<Call, 'id' | 'decisions' | 'elapsedMs'> &
  Partial<Pick<Call, 'route' | 'identity' | 'failure' | 'body'>>

export function refusedEvent(call: RefusedCall, answer: ErrorAnswer): EventInput {
  const { route, identity, failure, body } = call
  const keyId = identity?.keyId ?? failure?.keyId
  // Only a declared name: any other is the client's own text.
  const isDeclared = route?.schema.inputs.some((input) => input.name === answer.input) ?? false
  return {
    type: 'exchange.refused',
    data: {
      artifact: route?.artifactId,
      code: answer.code,
      decisions: call.decisions.length === 0 ? undefined : decisionPath(call.decisions),
      durationMs: roundMs(call.elapsedMs()),
      environment: route?.environment,
      exchange: call.id,
      input: isDeclared ? answer.input : undefined,
      model: route?.model,
      reason: failure?.reason,
      status: answer.status,
      version: route?.version,
    },
    private: {
      ...(keyId === undefined ? {} : { key: keyId }),
      ...(identity === undefined ? {} : { tenant: identity.tenant }),
    },
    ...(body === undefined ? {} : { commit: { request: body } }),
  }
}

/** The decision path: what each control said and how long it took; of findings, their rules only. */
function decisionPath(decisions: readonly Decision[]): JsonValue[] {
  return decisions.map(({ control, verdict, durationMs }) => {
    const decision = { action: verdict.action, control, durationMs: roundMs(durationMs) }
    if (verdict.action === 'allow') return decision
    return { ...decision, rules: verdict.findings.map((finding) => finding.rule) }
  })
}

function roundMs(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000
}
