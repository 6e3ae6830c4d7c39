import { describe, expect, test } from 'vitest'
import { sha256 } from '../../crypto/index.ts'
import { lineageOf } from './index.ts'

const dataset = {
  schemaVersion: 1,
  name: 'uci-adult',
  source: 'https://doi.org/10.24432/C5XW20',
  licence: 'CC-BY-4.0',
  rows: 48842,
  files: [{ path: 'adult.csv', sha256: sha256('rows'), sizeBytes: 4 }],
}
const fileOf = (document: unknown) => {
  const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))
  return { sha256: sha256(bytes), bytes }
}
const file = fileOf(dataset)
const declared = { dataset: { name: 'uci-adult', manifest: file.sha256 }, metrics: { accuracy: 0.85 } }

describe('lineage', () => {
  test('is the dataset whose manifest the package holds, and the metrics of its card', () => {
    expect(lineageOf(declared, file)).toEqual({
      dataset: {
        name: 'uci-adult',
        manifest: file.sha256,
        source: dataset.source,
        licence: 'CC-BY-4.0',
        rows: 48842,
        files: 1,
      },
      metrics: { accuracy: 0.85 },
    })
  })

  test('may have no dataset, which the policy decides about', () => {
    expect(lineageOf({ metrics: {} }, undefined)).toEqual({ metrics: {} })
  })

  test.each([
    ['dataset.json is missing', declared, undefined],
    ['dataset.json is not named', { metrics: {} }, file],
    ['dataset.json was changed by a space', declared, fileOf(`${JSON.stringify(dataset)} `)],
    ['the names differ', { ...declared, dataset: { name: 'other', manifest: file.sha256 } }, file],
  ])('is refused when %s', (_what, origin, given) => {
    expect(() => lineageOf(origin, given)).toThrow(
      expect.objectContaining({ code: 'supply.dataset-mismatch' }),
    )
  })

  test.each([
    ['no JSON', 'rows: 1'],
    ['of an unknown version', { ...dataset, schemaVersion: 2 }],
    ['without files', { ...dataset, files: [] }],
    ['with a file twice', { ...dataset, files: [...dataset.files, ...dataset.files] }],
    ['with a digest that is none', { ...dataset, files: [{ path: 'a', sha256: 'ABC', sizeBytes: 1 }] }],
    ['with an unknown field', { ...dataset, owner: 'me' }],
    ['without a licence', { ...dataset, licence: undefined }],
    ['nested beyond reason', '['.repeat(1_000_000)],
    ['of broken UTF-8', Buffer.from([0x22, 0xff, 0x22]).toString('latin1')],
  ])('is refused when dataset.json is %s', (_what, document) => {
    const given = fileOf(document)
    const origin = { ...declared, dataset: { name: 'uci-adult', manifest: given.sha256 } }
    expect(() => lineageOf(origin, given)).toThrow(
      expect.objectContaining({ code: 'supply.dataset-invalid' }),
    )
  })

  test('is refused when dataset.json is longer than its budget', () => {
    const given = fileOf(' '.repeat(4 * 1024 * 1024 + 1))
    const origin = { ...declared, dataset: { name: 'uci-adult', manifest: given.sha256 } }
    expect(() => lineageOf(origin, given)).toThrow(/larger than/)
  })
})
