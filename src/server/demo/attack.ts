import { toSallyportError } from '../../core/index.ts'
import type { Server } from '../server.ts'
import { requestAttacks } from './request-attacks.ts'
import { storageAttacks } from './storage-attacks.ts'
import { type Target, withTarget } from './target.ts'

/** What came of one attack. */
export interface AttackResult {
  readonly attack: string
  readonly refused: boolean
  /** What the product said; for an attack that succeeded, what it let happen. */
  readonly reason: string
  /** The refusal's leaf in the transparency log. */
  readonly eventId: string | null
}

/** An attempt to make Sallyport do what it must never do. */
export interface Attack {
  readonly name: string
  /** Tries it for real and undoes what it changed. Gives the refusal, or undefined when nothing refused. */
  attempt(target: Target): Promise<Refusal | undefined>
}

export interface Refusal {
  readonly reason: string
  readonly eventId: string | undefined
}

/** Makes a model of its own to attack, tries every attack on it, and leaves it revoked. */
export async function attack(
  server: Server,
  onResult: (result: AttackResult) => void,
): Promise<readonly AttackResult[]> {
  return withTarget(server, async (target) => {
    const results: AttackResult[] = []
    for (const each of [...requestAttacks, ...storageAttacks]) {
      const result = await judge(server, each, target)
      onResult(result)
      results.push(result)
    }
    return results
  })
}

/** An attack counts as refused only when the refusal stands in the log. */
async function judge(server: Server, { name, attempt }: Attack, target: Target): Promise<AttackResult> {
  const refusal = await attempt(target)
  if (refusal === undefined)
    return { attack: name, refused: false, reason: 'nothing refused it', eventId: null }
  const { reason, eventId } = refusal
  const entry = eventId === undefined ? undefined : await server.platform.log.find(eventId as never)
  const isLogged = entry?.type.endsWith('.refused') === true
  return {
    attack: name,
    refused: isLogged,
    reason: isLogged ? reason : `${reason} (but no event says so)`,
    eventId: eventId ?? null,
  }
}

/** Runs what should be refused; a refusal is thrown and names its event. */
export async function expectRefusal(work: () => Promise<unknown>): Promise<Refusal | undefined> {
  try {
    await work()
    return undefined
  } catch (thrown) {
    const { code, message, details } = toSallyportError(thrown)
    const { event } = details
    return { reason: `${message} [${code}]`, eventId: typeof event === 'string' ? event : undefined }
  }
}
