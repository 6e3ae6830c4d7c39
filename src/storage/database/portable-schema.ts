import {
  type ColumnDefinitionNode,
  type CreateTableNode,
  DataTypeNode,
  type KyselyPlugin,
  type OperationNode,
  OperationNodeTransformer,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  type QueryResult,
  RawNode,
  type RootOperationNode,
  type UnknownRow,
} from 'kysely'
import { SallyportError } from '../../core/index.ts'

const COLUMN_TYPES: Readonly<Record<'sqlite' | 'postgres', Readonly<Record<string, string>>>> = {
  sqlite: { text: 'text', integer: 'integer', bigint: 'integer', blob: 'blob' },
  // Text sorts by its code points wherever the server was set up.
  postgres: { text: 'text collate "C"', integer: 'bigint', bigint: 'bigint', blob: 'bytea' },
}

/** Gives the columns of a migration the same meaning on both databases. */
export class PortableSchema implements KyselyPlugin {
  readonly #transformer: OperationNodeTransformer

  constructor(dialect: 'sqlite' | 'postgres') {
    this.#transformer = new PortableTransformer(dialect)
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    return this.#transformer.transformNode(node)
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return result
  }
}

class PortableTransformer extends OperationNodeTransformer {
  readonly #dialect: 'sqlite' | 'postgres'

  constructor(dialect: 'sqlite' | 'postgres') {
    super()
    this.#dialect = dialect
  }

  protected override transformColumnDefinition(node: ColumnDefinitionNode): ColumnDefinitionNode {
    const transformed = super.transformColumnDefinition(node)
    return { ...transformed, dataType: this.#portable(node.dataType) }
  }

  /** SQLite checks the types of values only in a STRICT table (https://www.sqlite.org/stricttables.html). */
  protected override transformCreateTable(node: CreateTableNode): CreateTableNode {
    const transformed = super.transformCreateTable(node)
    if (this.#dialect !== 'sqlite') return transformed
    return {
      ...transformed,
      endModifiers: [...(transformed.endModifiers ?? []), RawNode.createWithSql('strict')],
    }
  }

  #portable(dataType: OperationNode): OperationNode {
    const name = DataTypeNode.is(dataType) ? dataType.dataType : 'raw SQL'
    const type = COLUMN_TYPES[this.#dialect][name]
    if (type !== undefined) return RawNode.createWithSql(type)
    throw new SallyportError(
      'storage.migration-not-portable',
      `a migration asks for a column of type ${name}`,
      {
        kind: 'internal',
        remedy: 'use text, integer or blob',
      },
    )
  }
}
