import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { memorySource } from '../../src/formats/index.ts'
import { explainPickle, scanNumpy, scanPickle } from '../../src/supply/scan/pickle/index.ts'
import type { OracleLine } from '../vectors/pickle/oracle.ts'
import { Mutator } from './mutate.ts'
import { bytes, little, PAYLOAD, PROTO_2, PROTO_4, stackGlobal, text } from './pickle-streams.ts'

const CONTEXT = { profile: 'any' as const, allowGlobals: new Set<string>(), maxOpcodes: 5_000_000 }

/** Recorded streams and hand-written ones of each consumer. */
export function pickleSeeds(): Buffer[] {
  const file = new URL('../vectors/pickle/cpython-streams.jsonl.gz', import.meta.url)
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trim().split('\n')
  const recorded = lines.slice(0, 2000).map((line) => {
    const vector: OracleLine = JSON.parse(line)
    return Buffer.from(vector.s, 'base64')
  })
  const dtype = `${stackGlobal('numpy', 'dtype')}${text('O8')}\x89\x88\x87R(K\x03${text('|')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb`
  const array = `${stackGlobal('joblib.numpy_pickle', 'NumpyArrayWrapper')})\x81}(${text('dtype')}${dtype}${text('shape')}K\x04\x85ub`
  const legacy = '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'
  return [
    ...recorded,
    bytes(PROTO_4, array, PROTO_2, PAYLOAD, '.', '.'),
    bytes(legacy, PROTO_2, 'M\xe9\x03.', PROTO_2, '}.', PROTO_2, PAYLOAD, '.', PROTO_2, '].'),
    bytes('cbuiltins\ngetattr\n(czoneinfo\nZoneInfo\nS"_unpickle"\ntR.'),
    bytes(PROTO_4, '}', text(Buffer.from(`${PROTO_2}${PAYLOAD}.`, 'latin1').toString('base64')), 'Ns.'),
  ]
}

export function numpySeeds(): Buffer[] {
  return ['|O', '<f8', '<U3', "[('a', '<f8'), ('b', '|O')]"].map((type) => {
    const header = `{'descr': ${type.startsWith('[') ? type : `'${type}'`}, 'fortran_order': False, 'shape': (2, 3), }\n`
    return bytes('\x93NUMPY\x01\x00', little(header.length, 2), header, PROTO_2, PAYLOAD, '.')
  })
}

export interface FuzzResult {
  readonly inputs: number
  readonly slowestMs: number
  readonly peakBytes: number
}

/** Scans `count` mutated inputs. Throws what a reader throws, with the input in hexadecimal. */
export function fuzz(family: 'pickle' | 'numpy', count: number, seed: number): FuzzResult {
  const mutator = new Mutator(seed)
  const seeds = family === 'pickle' ? pickleSeeds() : numpySeeds()
  let slowestMs = 0
  let peakBytes = 0
  for (let index = 0; index < count; index++) {
    const input = mutator.mutate(mutator.pick(seeds), mutator.pick(seeds))
    const source = memorySource(input)
    const started = performance.now()
    try {
      const context = { ...CONTEXT, isClaimed: index % 2 === 0 }
      if (family === 'numpy') scanNumpy(source, context)
      else scanPickle(source, context)
      if (index % 100 === 0) explainPickle(source, context)
    } catch (thrown) {
      throw new Error(`threw on ${input.toString('hex')}`, { cause: thrown })
    }
    slowestMs = Math.max(slowestMs, performance.now() - started)
    if (index % 1000 === 0) peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
  }
  return { inputs: count, slowestMs, peakBytes }
}
