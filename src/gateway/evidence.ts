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

export function servedEvent(
  call: Call,
  identity: Identity,
  route: Route,
  responseBody: Uint8Array | string,
): EventInput {
  return {
    type: 'exchange.served',
    data: {
      exchange: call.id,
      model: route.model,
      version: route.version,
      artifact: route.artifactId,
      environment: route.environment,
      status: 200,
      durationMs: roundMs(call.elapsedMs()),
      decisions: decisionPath(call.decisions),
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
  const data: Record<string, JsonValue> = {
    exchange: call.id,
    status: answer.status,
    code: answer.code,
    durationMs: roundMs(call.elapsedMs()),
  }
  if (route !== undefined) {
    data['model'] = route.model
    data['version'] = route.version
    data['artifact'] = route.artifactId
    data['environment'] = route.environment
    // Only a declared name: any other is the client's own text.
    const isDeclared = route.schema.inputs.some((input) => input.name === answer.input)
    if (answer.input !== undefined && isDeclared) data['input'] = answer.input
  }
  if (failure !== undefined) data['reason'] = failure.reason
  if (call.decisions.length > 0) data['decisions'] = decisionPath(call.decisions)
  const caller: Record<string, string> = {}
  const keyId = identity?.keyId ?? failure?.keyId
  if (keyId !== undefined) caller['key'] = keyId
  if (identity !== undefined) caller['tenant'] = identity.tenant
  return {
    type: 'exchange.refused',
    data,
    private: caller,
    ...(body === undefined ? {} : { commit: { request: body } }),
  }
}

/** The decision path: what each control said and how long it took; of findings, their rules only. */
function decisionPath(decisions: readonly Decision[]): JsonValue[] {
  const path: JsonValue[] = []
  for (const { control, verdict, durationMs } of decisions) {
    const decision: Record<string, JsonValue> = {
      control,
      action: verdict.action,
      durationMs: roundMs(durationMs),
    }
    if (verdict.action !== 'allow') decision['rules'] = verdict.findings.map((finding) => finding.rule)
    path.push(decision)
  }
  return path
}

function roundMs(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000
}
