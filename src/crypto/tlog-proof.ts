import { SallyportError } from '../core/index.ts'
import { decodeBase64 } from './note/index.ts'

/** The parts of a C2SP tlog-proof (c2sp.org/tlog-proof). Nothing in it is trusted until the checkpoint is opened. */
export interface TlogProof {
  /** Opaque, not authenticated by the format. */
  readonly extra?: Buffer
  /** Zero-based index of the entry. */
  readonly index: number
  /** RFC 6962 inclusion proof, leaf's sibling first. */
  readonly path: readonly Buffer[]
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string
}

const HEADER = 'c2sp.org/tlog-proof@v1'
const MAXIMUM_CHARACTERS = 256 * 1024
// A path has a hash a level; a tree of 2^63 leaves has 63.
const MAXIMUM_PATH = 63

export function formatTlogProof(proof: TlogProof): string {
  const lines = [HEADER]
  if (proof.extra !== undefined) lines.push(`extra ${proof.extra.toString('base64')}`)
  lines.push(`index ${proof.index}`, ...proof.path.map((hash) => hash.toString('base64')))
  return `${lines.join('\n')}\n\n${proof.checkpoint}`
}

/** @throws {SallyportError} `crypto.proof-malformed` */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > MAXIMUM_CHARACTERS) throw malformed(`it is longer than ${MAXIMUM_CHARACTERS} characters`)
  const separator = text.indexOf('\n\n')
  if (separator === -1) throw malformed('no empty line stands before the checkpoint')
  const lines = text.slice(0, separator).split('\n')
  if (lines.shift() !== HEADER) throw malformed(`its first line is not ${HEADER}`)
  const extra = lines[0]?.startsWith('extra ') === true ? parseExtra(lines.shift() ?? '') : undefined
  const indexText = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? '')?.[1]
  const index = Number(indexText)
  if (indexText === undefined || !Number.isSafeInteger(index)) throw malformed('its index line is not valid')
  if (lines.length > MAXIMUM_PATH) throw malformed(`its path is longer than ${MAXIMUM_PATH}`)
  const path = lines.map((line) => {
    const hash = decodeBase64(line)
    if (hash?.length !== 32) throw malformed('a line of its path is not a hash of 32 bytes in base64')
    return hash
  })
  const checkpoint = text.slice(separator + 2)
  return extra === undefined ? { index, path, checkpoint } : { extra, index, path, checkpoint }
}

function parseExtra(line: string): Buffer {
  const bytes = decodeBase64(line.slice('extra '.length))
  if (bytes === undefined) throw malformed('its extra line is not base64')
  return bytes
}

function malformed(why: string): SallyportError {
  return new SallyportError('crypto.proof-malformed', `the proof is malformed: ${why}`, {
    kind: 'invalid',
    remedy: 'give the proof as it was written, whole and unchanged',
  })
}
