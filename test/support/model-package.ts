import { stringify } from 'yaml'
import { sha256 } from '../../src/crypto/index.ts'
import type { IncomingFile } from '../../src/supply/index.ts'
import { identityModel } from './models.ts'

/** The files of a model package by path. */
export type PackageFiles = Readonly<Record<string, string | Uint8Array>>

/**
 * A package that the default policy admits: a model that gives back its input. What is given replaces a file, or takes
 * it out with `undefined`; `declaration` replaces fields of model.yaml.
 */
export function modelPackage(
  files: Readonly<Record<string, string | Uint8Array | undefined>> = {},
  declaration: Readonly<Record<string, unknown>> = {},
): PackageFiles {
  const dataset = JSON.stringify({
    schemaVersion: 1,
    name: 'numbers',
    source: 'made up',
    licence: 'CC0-1.0',
    rows: 10,
    files: [{ path: 'numbers.csv', sha256: sha256('0123456789'), sizeBytes: 10 }],
  })
  const declared = {
    schemaVersion: 1,
    name: 'identity',
    description: 'Gives back what it got.',
    licence: 'Apache-2.0',
    inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 1] }],
    dataset: { name: 'numbers', manifest: sha256(dataset) },
    metrics: { accuracy: 1 },
    ...declaration,
  }
  const complete = {
    'README.md': '# Identity\n',
    'dataset.json': dataset,
    'model.onnx': identityModel('float'),
    'model.yaml': stringify(declared),
    ...files,
  }
  const present = Object.entries(complete).flatMap(([path, content]) =>
    content === undefined ? [] : [[path, content]],
  )
  return Object.fromEntries(present)
}

/** A package as a push receives it. */
export async function* incomingFiles(files: PackageFiles): AsyncGenerator<IncomingFile> {
  for (const [path, content] of Object.entries(files)) {
    yield { path, content: once(typeof content === 'string' ? Buffer.from(content) : content) }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
