import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { withFigures } from './model-package.ts'
import { trainIncomeModel } from './train.ts'

/** UCI Adult is not in the repository: say where `adult.csv.gz` is to train on it. */
const DATA = process.env['SALLYPORT_ADULT_CSV']

describe('training on UCI Adult', () => {
  it.skipIf(DATA === undefined)('gives the committed model to the bit, with its figures', async () => {
    const read = (name: string): Buffer => readFileSync(new URL(`model/${name}`, import.meta.url))
    const model = await trainIncomeModel(DATA ?? '')
    expect(model.onnx.equals(read('model.onnx'))).toBe(true)
    expect(model.declaration).toBe(read('model.yaml').toString())
    expect(model.manifest).toBe(read('dataset.json').toString())
    const card = read('README.md').toString()
    expect(withFigures(card, model)).toBe(card)
  })
})
