import { createHmac, sign, verify } from 'node:crypto'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openNote, signNote } from '../note/index.ts'
import { Keystore } from './keystore.ts'

let parent: string
let directory: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'keystore-'))
  directory = join(parent, 'keys')
})
afterEach(() => rm(parent, { recursive: true }))

const coded = (code: string) => expect.objectContaining({ code, remedy: expect.any(String) })
const create = () => Keystore.open(directory, { create: true })
const reopen = () => Keystore.open(directory, { create: false })

describe('a keystore', () => {
  test('makes its keys once and finds them again', async () => {
    const made = await create()
    const again = await reopen()
    expect(again.modelSigningKey().publicKeyPem).toBe(made.modelSigningKey().publicKeyPem)
    expect(again.logSigner('a.example').vkey).toBe(made.logSigner('a.example').vkey)
    expect(again.pepper().equals(made.pepper())).toBe(true)
  })

  test('makes other keys in another place', async () => {
    const one = await create()
    const two = await Keystore.open(join(parent, 'other'), { create: true })
    expect(two.modelSigningKey().publicKeyPem).not.toBe(one.modelSigningKey().publicKeyPem)
    expect(two.pepper().equals(one.pepper())).toBe(false)
  })

  test('gives keys that work', async () => {
    const keystore = await create()
    const { privateKey, publicKeyPem } = keystore.modelSigningKey()
    const bytes = Buffer.from('manifest')
    expect(verify('sha256', bytes, publicKeyPem, sign('sha256', bytes, privateKey))).toBe(true)
    const signer = keystore.logSigner('a.example/log')
    expect(openNote(signNote('text\n', [signer]), [signer.verifier]).text).toBe('text\n')
    expect(createHmac('sha256', keystore.pepper()).update('key').digest()).toHaveLength(32)
  })

  test('stands in files of mode 0600 in a folder of mode 0700, and leaves nothing beside it', async () => {
    await create()
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    const files = await readdir(directory)
    expect(files.sort()).toEqual(['log.key.pem', 'model-signing.key.pem', 'pepper.key'])
    for (const file of files) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600)
    expect(await readdir(parent)).toEqual(['keys'])
  })

  test('is made whole after a making that was cut short', async () => {
    await mkdir(join(parent, '.keys.new'), { mode: 0o700 })
    await writeFile(join(parent, '.keys.new', 'pepper.key'), 'half')
    await create()
    expect(await readdir(parent)).toEqual(['keys'])
  })

  test('fills an empty folder', async () => {
    await mkdir(directory, { mode: 0o700 })
    await create()
    await expect(reopen()).resolves.toBeInstanceOf(Keystore)
  })

  test('is not made where it must exist', async () => {
    await expect(reopen()).rejects.toThrow(coded('crypto.keystore-missing'))
    expect(await readdir(parent)).toEqual([])
  })

  test.each(['model-signing.key.pem', 'log.key.pem', 'pepper.key'])(
    'without %s is refused, even at a first start',
    async (file) => {
      await create()
      await rename(join(directory, file), join(parent, 'lost'))
      await expect(create()).rejects.toThrow(coded('crypto.key-missing'))
      expect(await readdir(directory)).toHaveLength(2)
    },
  )

  test.each(['model-signing.key.pem', 'log.key.pem', 'pepper.key'])(
    'notices every changed character of %s, and says nothing of its content',
    async (file) => {
      await create()
      const path = join(directory, file)
      const text = await readFile(path, 'utf8')
      for (let at = 0; at < text.length; at += 3) {
        const other = text[at] === 'A' ? 'B' : 'A'
        await writeFile(path, text.slice(0, at) + other + text.slice(at + 1))
        const error: unknown = await reopen().catch((thrown: unknown) => thrown)
        expect(error).toEqual(coded('crypto.key-damaged'))
        expect(String(error)).not.toContain(text.slice(30, 60))
      }
      for (const damaged of ['', text.slice(0, -1), `${text}\n`]) {
        await writeFile(path, damaged)
        await expect(reopen()).rejects.toThrow(coded('crypto.key-damaged'))
      }
    },
  )

  test('that others could read is refused', async () => {
    await create()
    await chmod(join(directory, 'pepper.key'), 0o640)
    await expect(reopen()).rejects.toThrow(coded('crypto.keystore-exposed'))
    await chmod(join(directory, 'pepper.key'), 0o600)
    await chmod(directory, 0o755)
    await expect(reopen()).rejects.toThrow(coded('crypto.keystore-exposed'))
  })

  test('with a link for a key is refused', async () => {
    await create()
    await rename(join(directory, 'pepper.key'), join(parent, 'elsewhere'))
    await symlink(join(parent, 'elsewhere'), join(directory, 'pepper.key'))
    await expect(reopen()).rejects.toThrow(coded('crypto.keystore-exposed'))
  })

  test('that is a file is refused', async () => {
    await writeFile(directory, '')
    await expect(create()).rejects.toThrow(coded('crypto.keystore-unreadable'))
  })
})
