import { ALLOW, type Control, type Exchange, type ModelSchema, type Verdict } from '../../core/index.ts'
import type { Mismatch } from './compiled-input.ts'
import { CompiledSchema } from './compiled-schema.ts'

/**
 * Refuses an exchange whose tensors are not what the model declares: names, datatypes, shapes, ranges, categories. The
 * refusal names the input and the place of the element, never its value. A schema is compiled the first time it is
 * seen, so that checking a dozen single elements costs about a microsecond.
 */
export function inputSchema(): Control {
  const compiled = new WeakMap<ModelSchema, CompiledSchema>()
  return {
    name: 'input-schema',
    onRequest(exchange: Exchange): Verdict {
      let schema = compiled.get(exchange.schema)
      if (schema === undefined) {
        schema = new CompiledSchema(exchange.schema)
        compiled.set(exchange.schema, schema)
      }
      const mismatch = schema.check(exchange.inputs)
      return mismatch === undefined ? ALLOW : deny(mismatch)
    },
  }
}

function deny({ rule, message, input }: Mismatch): Verdict {
  return {
    action: 'deny',
    findings: [{ rule, severity: 'low', message, location: { pointer: '/inputs' } }],
    reason: { kind: 'invalid-input', message, ...(input === undefined ? {} : { input }) },
  }
}
