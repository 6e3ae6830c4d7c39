import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { compareWithOracle, type OracleLine } from '../../../test/vectors/pickle/oracle.ts'

const VECTORS = new URL('../../../test/vectors/pickle/cpython-streams.jsonl.gz', import.meta.url)

test('the machine sees every global that the C unpickler of CPython resolves', () => {
  const lines = gunzipSync(readFileSync(VECTORS)).toString('utf8').trim().split('\n')
  const vectors: OracleLine[] = lines.map((line) => JSON.parse(line))
  expect(vectors.length).toBe(8000)
  expect(vectors.filter((vector) => vector.ok).length).toBeGreaterThan(1000)
  expect(vectors.flatMap((vector) => compareWithOracle(vector) ?? [])).toEqual([])
})
