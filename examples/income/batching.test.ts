import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Tensor } from '../../src/core/index.ts'
import { DEFAULT_LIMITS, ModelWorker } from '../../src/runtime/index.ts'
import { ModelDeclarationSchema } from '../../src/supply/index.ts'
import { verifiedModel } from '../../test/support/verified-model.ts'

const MODEL = join(import.meta.dirname, 'model')
const declaration = ModelDeclarationSchema.parse(parse(readFileSync(join(MODEL, 'model.yaml'), 'utf8')))
const ROWS = 400

let worker: ModelWorker
beforeAll(async () => {
  const verified = verifiedModel(readFileSync(join(MODEL, 'model.onnx')))
  const maxBatchRows = declaration.batching?.maxRows ?? 1
  worker = await ModelWorker.start(verified.artifactId, verified, { ...DEFAULT_LIMITS, maxBatchRows })
})
afterAll(() => worker.stop())

/** People of all kinds, the same ones in each run. */
function person(seed: number): Tensor[] {
  return declaration.inputs.map(({ name, datatype, minimum = 0, maximum = 0, categories }, index) => {
    const part = Math.abs(Math.sin(seed * 12.9898 + index * 78.233)) % 1
    const data =
      categories === undefined
        ? new Float32Array([Math.floor(minimum + part * (maximum - minimum))])
        : [categories[Math.floor(part * categories.length)] ?? '']
    return { name, datatype, shape: [1, 1], data }
  })
}

test('an answer is the same to the last bit, whoever else asks at the same moment', async () => {
  const people = Array.from({ length: ROWS }, (_, seed) => person(seed))
  const alone: Tensor[][] = []
  for (const inputs of people) alone.push(await worker.infer(inputs))
  expect(await Promise.all(people.map((inputs) => worker.infer(inputs)))).toEqual(alone)
})
