import { describe, expect, test } from 'vitest'
import {
  ALLOW,
  type Control,
  type Decision,
  type Exchange,
  type Finding,
  type Verdict,
} from '../../core/index.ts'
import { createLogger } from '../../observe/index.ts'
import { decide } from './decide.ts'

const options = { timeoutMs: 50, logger: createLogger({ level: 'silent' }) }
const FINDING: Finding = { rule: 'x.y', severity: 'high', message: 'the rule that fired', location: {} }

async function run(...controls: Control[]) {
  const decisions: Decision[] = []
  // Controls of these tests read nothing of the exchange but its decisions.
  const refusal = await decide({ decisions } as unknown as Exchange, controls, options)
  return { refusal, path: decisions.map(({ control, verdict }) => `${control}: ${verdict.action}`) }
}

const says = (name: string, verdict: Verdict): Control => ({ name, onRequest: () => verdict })
const saysLater = (name: string, verdict: Verdict): Control => ({ name, onRequest: async () => verdict })

describe('the decision path', () => {
  test('holds every verdict in order when all allow, whether at once or later', async () => {
    const annotates: Verdict = { action: 'annotate', findings: [FINDING] }
    const { refusal, path } = await run(
      says('a', ALLOW),
      saysLater('b', ALLOW),
      says('c', annotates),
      saysLater('d', ALLOW),
    )
    expect(refusal).toBeUndefined()
    expect(path).toEqual(['a: allow', 'b: allow', 'c: annotate', 'd: allow'])
  })

  test('ends at the first denial', async () => {
    const deny: Verdict = {
      action: 'deny',
      findings: [FINDING],
      reason: { kind: 'policy', message: 'secret rule' },
    }
    for (const denying of [says('b', deny), saysLater('b', deny)]) {
      const { refusal, path } = await run(says('a', ALLOW), denying, says('c', ALLOW))
      expect(refusal).toMatchObject({ code: 'gateway.policy-refused', status: 422 })
      expect(refusal?.message).toBe('the request was refused by policy')
      expect(path).toEqual(['a: allow', 'b: deny'])
    }
  })

  test('needs no promise as long as every control answers at once', () => {
    expect(decide({ decisions: [] } as unknown as Exchange, [says('a', ALLOW)], options)).toBeUndefined()
  })
})

describe('a control', () => {
  test('that refuses an input tells the client which', async () => {
    const reason = { kind: 'invalid-input', message: "input 'age' is missing", input: 'age' } as const
    const { refusal } = await run(says('a', { action: 'deny', findings: [FINDING], reason }))
    expect(refusal).toMatchObject({
      code: 'gateway.invalid-input',
      status: 400,
      input: 'age',
      message: reason.message,
    })
  })

  test('that throttles says when to come back', async () => {
    const { refusal } = await run(says('a', { action: 'throttle', findings: [], retryAfterMs: 1_200 }))
    expect(refusal).toMatchObject({ code: 'gateway.throttled', status: 429, headers: ['retry-after', '2'] })
  })

  test.each<[string, Control['onRequest']]>([
    [
      'throws',
      () => {
        throw new Error('canary')
      },
    ],
    ['rejects', () => Promise.reject(new Error('canary'))],
    ['never answers', () => new Promise(() => {})],
    ['wants to rewrite what has no text', () => ({ action: 'rewrite', findings: [], rewrites: [] })],
  ])('that %s is a denial that says nothing of why', async (_what, onRequest) => {
    const failing: Control = { name: 'failing', ...(onRequest && { onRequest }) }
    const { refusal, path } = await run(failing, says('next', ALLOW))
    expect(refusal).toMatchObject({ code: 'gateway.control-failed', status: 503 })
    expect(refusal?.message).not.toMatch(/canary|failing/)
    expect(path).toHaveLength(1)
  })
})
