import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'

const LockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      resolved: z.string().optional(),
      hasInstallScript: z.boolean().optional(),
      dependencies: z.record(z.string(), z.string()).optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
})
const ROOT = join(import.meta.dirname, '../..')
const { packages } = LockSchema.parse(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')))

test('the lock file names the packages of every platform, also those that the last install could not see', () => {
  // `npm install` drops what a registry or a platform does not show it; `npm ci` then refuses the lock file everywhere.
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined &&
        packages[`${path}/node_modules/${name}`] === undefined,
    ),
  )
  expect(missing).toEqual([])
})

test('the lock file binds nothing to the address of one registry', () => {
  expect(Object.values(packages).filter((entry) => entry.resolved !== undefined)).toEqual([])
})

test('every direct dependency is pinned to one version', () => {
  const { dependencies = {}, optionalDependencies = {} } = packages[''] ?? {}
  for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/)
  }
})

test('no package may run code at install', () => {
  const npmrc = readFileSync(join(ROOT, '.npmrc'), 'utf8')
  expect(npmrc).toContain('ignore-scripts=true')
  const manifest = z
    .object({ allowScripts: z.record(z.string(), z.unknown()) })
    .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
  expect(manifest.allowScripts).toEqual({})
})
