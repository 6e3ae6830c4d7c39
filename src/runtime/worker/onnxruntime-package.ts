import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Folder of the installed package. */
export function onnxruntimeDirectory(): string {
  return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
}

/** Folder of the native addon and its libraries for this platform. */
export function addonDirectory(): string {
  return join(onnxruntimeDirectory(), 'bin/napi-v6', process.platform, process.arch)
}

export function addonPath(): string {
  return join(addonDirectory(), 'onnxruntime_binding.node')
}

/** The version of the package, which is that of the library in it. */
export function onnxruntimeVersion(): string {
  const parsed: { version: string } = JSON.parse(
    readFileSync(join(onnxruntimeDirectory(), 'package.json'), 'utf8'),
  )
  return parsed.version
}
