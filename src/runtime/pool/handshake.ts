import type { ArtifactId, SallyportError } from '../../core/index.ts'
import {
  encodeLoad,
  FRAME_KIND,
  FrameReader,
  MAX_MANIFEST_BYTES,
  MAX_MODEL_BYTES,
  MAX_PATH_BYTES,
  ProtocolViolation,
} from '../protocol/index.ts'
import type { WorkerLimits } from './limits.ts'
import { refusals } from './refusals.ts'
import type { VerifiedModel } from './verified-model.ts'
import type { ExitReason } from './worker-exit.ts'
import { readyMessage, refusedMessage, type WorkerMetadata } from './worker-metadata.ts'
import type { WorkerProcess } from './worker-process.ts'

const MAX_READY_BYTES = 2 ** 20

interface FirstFrame {
  readonly kind: number
  readonly json: unknown
}

/**
 * Gives a fresh worker its model and believes its answer only when it names the artifact that was meant. On any error
 * the process is killed.
 */
export async function handshake(
  child: WorkerProcess,
  artifactId: ArtifactId,
  model: VerifiedModel,
  limits: WorkerLimits,
): Promise<WorkerMetadata> {
  const fail = (reason: ExitReason, error: SallyportError, detail?: string) => {
    child.kill(reason, detail)
    return error
  }
  const { manifestBytes, modelFile } = model
  if (
    manifestBytes.length > MAX_MANIFEST_BYTES ||
    modelFile.bytes.length > MAX_MODEL_BYTES ||
    Buffer.byteLength(modelFile.path) > MAX_PATH_BYTES
  ) {
    throw fail('load-failed', refusals.modelTooLarge())
  }
  const answer = firstFrame(child, limits.loadTimeoutMs)
  const pieces = encodeLoad({
    manifestBytes,
    path: modelFile.path,
    modelBytes: modelFile.bytes,
    limits,
  })
  for (const piece of pieces) child.channel.write(piece)
  const { kind, json } = await answer
  if (kind === FRAME_KIND.refused) {
    const refused = refusedMessage.safeParse(json)
    if (!refused.success) throw fail('protocol-violation', refusals.violation('a malformed refusal'))
    throw fail('load-failed', refusals.loadRefused(refused.data.code, refused.data.reason), refused.data.code)
  }
  const ready = readyMessage.safeParse(json)
  if (!ready.success) throw fail('protocol-violation', refusals.violation('a malformed READY'))
  const { digest, inputs, outputs, versions } = ready.data
  if (digest !== artifactId) throw fail('digest-mismatch', refusals.digestMismatch())
  return { digest, inputs, outputs, versions, tier: child.tier }
}

/** The frame that answers the load frame. */
function firstFrame(child: WorkerProcess, timeoutMs: number): Promise<FirstFrame> {
  return new Promise((resolve, reject) => {
    let isSettled = false
    const settle = (result: FirstFrame | SallyportError) => {
      isSettled = true
      clearTimeout(timer)
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
    const timer = setTimeout(() => {
      settle(refusals.loadTimeout(timeoutMs))
      child.kill('load-failed', `no READY within ${timeoutMs} ms`)
    }, timeoutMs)
    const reader = new FrameReader(
      ({ kind }) =>
        !isSettled && (kind === FRAME_KIND.ready || kind === FRAME_KIND.refused) ? MAX_READY_BYTES : -1,
      ({ kind }, bytes, _view, start, end) => settle({ kind, json: jsonOf(bytes.subarray(start, end)) }),
    )
    child.listen(
      (chunk) => {
        try {
          reader.push(chunk)
        } catch (thrown) {
          if (!isSettled && thrown instanceof ProtocolViolation) settle(refusals.violation(thrown.message))
          throw thrown
        }
      },
      () => {
        if (isSettled) return
        const { spawnError } = child
        // What is left in standard error is read a moment after the exit.
        setImmediate(() => {
          if (isSettled) return
          settle(
            spawnError === undefined
              ? refusals.startFailed(child.complaint)
              : refusals.notSpawned(spawnError),
          )
        })
      },
    )
  })
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new ProtocolViolation('a message is not JSON')
  }
}
