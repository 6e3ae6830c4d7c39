import type { Control, Exchange, Verdict } from '../../core/index.ts'
import type { Logger } from '../../observe/index.ts'
import { Refusal } from '../refusal.ts'

export interface DecideOptions {
  readonly timeoutMs: number
  readonly logger: Logger
}

/**
 * Asks each control in turn and writes what it said, and how long it took, into the exchange's decision path. Gives the
 * refusal of the first one that denies, or undefined when none does. A control that throws, rejects or takes longer
 * than `timeoutMs` denies. Stays synchronous as long as the controls do.
 */
export function decide(
  exchange: Exchange,
  controls: readonly Control[],
  options: DecideOptions,
): Refusal | undefined | Promise<Refusal | undefined> {
  for (let index = 0; index < controls.length; index++) {
    const control = controls[index]
    if (control?.onRequest === undefined) continue
    const began = performance.now()
    let verdict: Verdict | Promise<Verdict>
    try {
      verdict = control.onRequest(exchange)
    } catch (thrown) {
      verdict = failed(control, thrown, options.logger)
    }
    if (verdict instanceof Promise) {
      const rest = controls.slice(index + 1)
      return decideLater(exchange, control, verdict, began, options).then(
        (refusal) => refusal ?? decide(exchange, rest, options),
      )
    }
    const refusal = record(exchange, control, verdict, began)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

async function decideLater(
  exchange: Exchange,
  control: Control,
  pending: Promise<Verdict>,
  began: number,
  options: DecideOptions,
): Promise<Refusal | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the control took too long')), options.timeoutMs)
  })
  let verdict: Verdict
  try {
    verdict = await Promise.race([pending, timeout])
  } catch (thrown) {
    verdict = failed(control, thrown, options.logger)
  } finally {
    clearTimeout(timer)
  }
  return record(exchange, control, verdict, began)
}

const CONTROL_FAILED = 'pipeline.control-failed'

function failed(control: Control, thrown: unknown, logger: Logger): Verdict {
  logger.error('a control failed, which is a denial', { control: control.name, error: thrown })
  const message = `the control '${control.name}' failed`
  return {
    action: 'deny',
    findings: [{ rule: CONTROL_FAILED, severity: 'high', message, location: {} }],
    reason: { kind: 'policy', message },
  }
}

function record(exchange: Exchange, control: Control, verdict: Verdict, began: number): Refusal | undefined {
  exchange.decisions.push({ control: control.name, verdict, durationMs: performance.now() - began })
  switch (verdict.action) {
    case 'allow':
    case 'annotate':
      return undefined
    case 'throttle':
      return new Refusal('gateway.throttled', 'too many requests; try again later', {
        kind: 'too-many',
        headers: ['retry-after', String(Math.max(1, Math.ceil(verdict.retryAfterMs / 1000)))],
      })
    case 'rewrite':
      // Tensors have no text to rewrite. To let the exchange pass unchanged would be to ignore the control.
      return controlFailed()
    case 'deny':
      return denied(verdict)
  }
}

function denied(verdict: Extract<Verdict, { action: 'deny' }>): Refusal {
  if (verdict.findings.some((finding) => finding.rule === CONTROL_FAILED)) return controlFailed()
  const { kind, message, input } = verdict.reason
  if (kind === 'policy') {
    return new Refusal('gateway.policy-refused', 'the request was refused by policy', { kind: 'refused' })
  }
  return new Refusal('gateway.invalid-input', message, {
    kind: 'invalid',
    ...(input === undefined ? {} : { input }),
  })
}

function controlFailed(): Refusal {
  const message = 'a security control could not decide, so the request was not served; try again'
  return new Refusal('gateway.control-failed', message, { kind: 'unavailable' })
}
