import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMPTY_ROOT } from '../merkle/index.ts'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { openNote, signNote } from './note.ts'
import { NoteSigner } from './signer.ts'
import { NoteVerifier } from './verifier.ts'

// golang.org/x/mod/sumdb/note, note_test.go and the package's documentation.
const PETER_SEED = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1)
const PETER_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const ENOCH_KEY = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const PETER_LINE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
const NOTE = `${TEXT}\n${PETER_LINE}`

const peter = NoteVerifier.parse(PETER_KEY)
const signer = NoteSigner.fromSeed('PeterNeumann', PETER_SEED)
const coded = (code: string) => expect.objectContaining({ code })

describe('a signed note', () => {
  test('is signed exactly as Go signs it', () => {
    expect(signNote(TEXT, [signer])).toBe(NOTE)
    expect(signer.vkey).toBe(PETER_KEY)
  })

  test('of Go is opened', () => {
    expect(openNote(NOTE, [peter]).text).toBe(TEXT)
    expect(openNote(Buffer.from(NOTE), [peter]).signedBy).toEqual([peter])
  })

  test('opens with one known key among unknown ones', () => {
    const enoch = NoteVerifier.parse(ENOCH_KEY)
    const other = NoteSigner.fromSeed('somebody.example', Buffer.alloc(32, 9))
    const note = signNote(TEXT, [other, signer])
    expect(openNote(note, [enoch, peter]).signedBy).toEqual([peter])
  })

  test('is split at its last empty line', () => {
    const text = 'one\n\ntwo\n'
    expect(openNote(signNote(text, [signer]), [peter]).text).toBe(text)
  })

  test('is refused whole when the signature of a known key does not hold', () => {
    const other = NoteSigner.fromSeed('other.example', Buffer.alloc(32, 9))
    const note = `${TEXT.replace('think', 'thank')}\n${PETER_LINE}${other.signatureLine(TEXT.replace('think', 'thank'))}`
    expect(() => openNote(note, [other.verifier, peter])).toThrow(coded('crypto.note-signature-invalid'))
  })

  test('is refused when nobody known signed it', () => {
    expect(() => openNote(NOTE, [NoteVerifier.parse(ENOCH_KEY)])).toThrow(coded('crypto.note-unsigned'))
    expect(() => openNote(NOTE, [])).toThrow(coded('crypto.note-unsigned'))
  })

  test.each([
    ['without signatures', TEXT],
    ['with an empty signature block', `${TEXT}\n`],
    ['without its last newline', NOTE.slice(0, -1)],
    ['with a hyphen for the dash', NOTE.replace('—', '-')],
    ['with two spaces', NOTE.replace('— Peter', '—  Peter')],
    ['with trailing space', NOTE.replace('nAM=', 'nAM= ')],
    ['with unpadded base64', NOTE.replace('nAM=', 'nAM')],
    ['with stray bits in base64', NOTE.replace('nAM=', 'nAN=')],
    ['with a carriage return', NOTE.replace('\n', '\r\n')],
    ['with a tab', NOTE.replace('If you', 'If\tyou')],
    ['with a lone surrogate', NOTE.replace('If', '\ud800')],
    ['with a short signature', `${TEXT}\n— PeterNeumann x08g\n`],
    ['with a plus sign in the name', NOTE.replace('PeterNeumann', 'Peter+Neumann')],
    ['with too many signatures', `${TEXT}\n${PETER_LINE.repeat(65)}`],
    ['that is empty', ''],
  ])('%s is malformed', (_, note) => {
    expect(() => openNote(note, [peter])).toThrow(coded('crypto.note-malformed'))
  })

  test('that is not UTF-8 is malformed', () => {
    expect(() => openNote(Buffer.concat([Buffer.of(0xff), Buffer.from(NOTE)]), [peter])).toThrow(
      coded('crypto.note-malformed'),
    )
  })

  test('with any one byte changed does not open to another text', () => {
    const bytes = Buffer.from(NOTE)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ flip
        expect(() => openNote(changed, [peter])).toThrow(expect.objectContaining({ name: 'SallyportError' }))
      }),
      { numRuns: 1000 },
    )
  })

  test('cannot be made of a text that would be read differently', () => {
    for (const text of ['no newline', 'a\tb\n', '\ud800\n']) {
      expect(() => signNote(text, [signer])).toThrow(coded('crypto.note-malformed'))
    }
  })
})

describe('a verifier key', () => {
  test('of C2SP signed-note and of Go is read and written back', () => {
    const example = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
    for (const key of [example, PETER_KEY, ENOCH_KEY]) expect(NoteVerifier.parse(key).vkey).toBe(key)
  })

  test.each([
    ['another hash', PETER_KEY.replace('c74f20a3', 'c74f20a4')],
    ['another name', PETER_KEY.replace('Peter', 'Pater')],
    ['an upper-case hash', PETER_KEY.replace('c74f20a3', 'C74F20A3')],
    ['another type', 'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2'],
    ['a short key', 'a+00000000+AQID'],
    ['no hash', 'PeterNeumann'],
    ['a space in the name', PETER_KEY.replace('Peter', 'Peter ')],
    ['nothing', ''],
  ])('with %s is refused', (_, key) => {
    expect(() => NoteVerifier.parse(key)).toThrow(coded('crypto.note-key-invalid'))
  })
})

describe('a checkpoint', () => {
  const log = NoteSigner.fromSeed('log.example/one', Buffer.alloc(32, 3))
  const signed = signCheckpoint({ origin: log.name, size: 0, root: EMPTY_ROOT }, log)

  test('opens to what was signed', () => {
    expect(signed.split('\n').slice(0, 3)).toEqual([
      'log.example/one',
      '0',
      '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    ])
    expect(openCheckpoint(signed, log.verifier, log.name)).toEqual({
      origin: log.name,
      size: 0,
      root: EMPTY_ROOT,
    })
  })

  test('of another origin is refused', () => {
    expect(() => openCheckpoint(signed, log.verifier, 'log.example/two')).toThrow(
      coded('crypto.checkpoint-origin'),
    )
  })

  const root = EMPTY_ROOT.toString('base64')
  test.each([
    ['a leading zero', `log.example/one\n01\n${root}\n`],
    ['a negative size', `log.example/one\n-1\n${root}\n`],
    ['a size beyond exact numbers', `log.example/one\n9007199254740993\n${root}\n`],
    ['a short root', 'log.example/one\n1\nAAAA\n'],
    ['an extension line', `log.example/one\n1\n${root}\nmore\n`],
    ['no root', 'log.example/one\n1\n'],
  ])('with %s is refused though signed', (_, text) => {
    expect(() => openCheckpoint(signNote(text, [log]), log.verifier, log.name)).toThrow(
      coded('crypto.checkpoint-malformed'),
    )
  })
})
