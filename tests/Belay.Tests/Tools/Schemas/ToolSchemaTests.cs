using System.Text;
using System.Text.Json;
using Belay.Tools;
using Belay.Tools.Schemas;

namespace Belay.Tests.Tools.Schemas;

public sealed class ToolSchemaTests
{
    [Theory]
    [InlineData("""{"type":"object"}""", """{"type":"object"}""")]
    [InlineData("{}", """{"type":"object"}""")]
    [InlineData("""{"properties":{"a":{}}}""", """{"type":"object","properties":{"a":{}}}""")]
    [InlineData("""{"type":"dict","properties":{"a":{"type":"float"},"b":{"type":"tuple","items":{"type":"int"}},"c":{"type":"any","description":"d"}}}""", """{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"array","items":{"type":"integer"}},"c":{"description":"d"}}}""")]
    [InlineData("""{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":["str","None"]},"c":{"type":["int","any"]},"d":{"type":["float","number"]}}}""", """{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["string","null"]},"c":{},"d":{"type":["number"]}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"array"},"b":{"type":"array","prefixItems":[{"type":"bool"}]}}}""", """{"type":"object","properties":{"a":{"type":"array","items":{}},"b":{"type":"array","prefixItems":[{"type":"boolean"}]}}}""")]
    [InlineData("""{"type":["object","null"],"anyOf":[{"type":"dict"}],"$defs":{"x":{"type":"list"}},"additionalProperties":{"type":"set"}}""", """{"type":"object","anyOf":[{"type":"object"}],"$defs":{"x":{"type":"array","items":{}}},"additionalProperties":{"type":"array","items":{}}}""")]
    [InlineData("""{"type":"object","properties":{"type":{"type":"str"}},"default":{"type":"dict"},"enum":[{"type":"dict"}],"x-note":{"type":"dict"}}""", """{"type":"object","properties":{"type":{"type":"string"}},"default":{"type":"dict"},"enum":[{"type":"dict"}],"x-note":{"type":"dict"}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"thing"}}}""", """{"type":"object","properties":{"a":{"type":"thing"}}}""")]
    [InlineData("""{"type":"object","properties":5,"anyOf":{"type":"dict"},"items":[{"type":"dict"},true],"description":"<é>"}""", """{"type":"object","properties":5,"anyOf":{"type":"dict"},"items":[{"type":"dict"},true],"description":"<é>"}""")]
    [InlineData("true", "true")]
    [InlineData("[]", "[]")]
    public void Schema_IsMadePlain(string given, string plain)
    {
        var spec = new InlineFunction("f", new() { Description = "d", InputSchema = JsonElement.Parse(given) }).Spec;

        Assert.Equal(plain.Replace("""[{"type":"dict"},true]""", """[{"type":"object"},true]""", StringComparison.Ordinal), spec.InputSchema.GetRawText());
        Assert.Equal(spec.InputSchema.GetRawText(), ToolSchema.Plain(spec.InputSchema).GetRawText());
    }

    [Fact]
    public void PlainSchema_IsTheVerySame()
    {
        var schema = JsonElement.Parse("""{"type":"object","properties":{"a":{"type":["string","null"]}},"$defs":{"b":{"type":"array","items":true}}}""");

        Assert.Equal(schema, ToolSchema.Plain(schema));
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#/$defs/b"},"c":{"$ref":"#tree"}},"$defs":{"b":{"enum":[1]},"t":{"$anchor":"tree","properties":{"kids":{"items":{"$ref":"#tree"}}}}}}""", "")]
    [InlineData("""{"properties":{"a":{"$ref":"#"}}}""", "")]
    [InlineData("""{"$defs":{"a/b~c %":{}},"properties":{"x":{"$ref":"#/$defs/a~1b~0c%20%25"}}}""", "")]
    [InlineData("""{"properties":{"a":{"type":"thing"},"b":{"type":[]},"c":{"type":3}}}""", "s.properties.a.type s.properties.b.type s.properties.c.type")]
    [InlineData("""{"properties":{"a":{"required":true,"enum":[]}},"required":"a"}""", "s.properties.a.required s.properties.a.enum s.required")]
    [InlineData("""{"properties":[],"$defs":{"a":1},"anyOf":[],"allOf":[1],"items":3,"not":"x"}""", "s.properties s.$defs s.anyOf s.allOf s.items s.not")]
    [InlineData("""{"properties":{"a":{"$ref":"https://example.com/x.json"},"b":{"$ref":"#/$defs/none"},"c":{"$ref":"#/properties/a/$ref"},"d":{"$ref":"#none"},"e":{"$ref":1}}}""", "s.properties.a.$ref s.properties.b.$ref s.properties.c.$ref s.properties.d.$ref s.properties.e.$ref")]
    [InlineData("""{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}}""", "s.$defs.a")]
    [InlineData("""{"properties":{"a":{"anyOf":[{"type":"string"},{"$ref":"#/properties/a"}]}}}""", "s.properties.a")]
    [InlineData("""{"$ref":"#"}""", "s")]
    [InlineData("""{"properties":{"a\u0000b":{"anyOf":[{},{"type":"x"}]}}}""", "s.properties.a?b.anyOf[1].type")]
    [InlineData("""{"properties":{"a":{"default":{"type":"x","$ref":"y"},"const":{"enum":[]}}}}""", "")]
    public void Check_NamesEveryProblem(string schema, string problems) =>
        Assert.Equal(problems, string.Join(' ', SchemaCheck.Problems(JsonElement.Parse(schema), "s").Select(problem => problem.Name)));

    [Fact]
    public void Check_IsBounded()
    {
        var large = JsonElement.Parse($$"""{"description":"{{new string('x', SchemaCheck.MaxBytes)}}"}""");
        Assert.Equal("s", Assert.Single(SchemaCheck.Problems(large, "s")).Name);

        // As many references and anchors as fit, each of them in vain.
        var many = new StringBuilder("""{"properties":{"a":{}""");
        for (var i = 0; many.Length < SchemaCheck.MaxBytes - 100; i++)
        {
            many.Append($$""","p{{i}}":{"$ref":"#p{{i}}"},"q{{i}}":{"$anchor":"p{{i}}"}""");
        }

        var found = SchemaCheck.Problems(JsonElement.Parse(many.Append("}}").ToString()), "s");
        Assert.Equal(20, found.Count);
        Assert.All(found, problem => Assert.EndsWith(".$ref", problem.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void DeepestSchema_IsMadePlain()
    {
        const int Depth = 60;
        var schema = JsonElement.Parse(string.Concat(Enumerable.Repeat("{\"not\":", Depth)) + """{"type":"dict"}""" + new string('}', Depth), new JsonDocumentOptions { MaxDepth = 200 });

        Assert.EndsWith("{\"type\":\"object\"" + new string('}', Depth + 1), ToolSchema.Plain(schema).GetRawText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("draft2020-12", 1299)]
    [InlineData("draft7", 927)]
    public void PublishedSchemas_AreSound(string draft, int cases)
    {
        var refused = new List<string>();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Vectors.Require("json-schema", cases), draft), "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            foreach (var test in JsonElement.Parse(File.ReadAllText(file)).EnumerateArray())
            {
                var schema = test.GetProperty("schema");
                _ = ToolSchema.Plain(schema);
                refused.AddRange(SchemaCheck.Problems(schema, "")
                    // Nothing is fetched, and a list of no values at all is refused by those who read it.
                    .Where(problem => !problem.Name.EndsWith(".$ref", StringComparison.Ordinal) && !problem.Name.EndsWith(".enum", StringComparison.Ordinal))
                    .Select(problem => $"{Path.GetFileName(file)}: {test.GetProperty("description")}: {problem}"));
            }
        }

        Assert.Equal("", string.Join('\n', refused));
    }

    [Theory]
    [InlineData("""{"title":"t","$schema":"x","type":"object","properties":{"a":{"$ref":"#/$defs/p","description":"mine"},"b":{"items":{"$ref":"#/$defs/q"}},"c":{"$ref":"#/$defs/no"}},"required":["a"],"additionalProperties":false,"optional":[],"$defs":{"p":{"type":"object","description":"theirs","title":"T","properties":{"x":{"$ref":"#/$defs/q"}}},"q":{"$ref":"#/$defs/r","title":"Q"},"r":{"type":"string","title":"R"},"no":{"not":{}}}}""",
        """{"type":"object","properties":{"a":{"description":"mine","type":"object","title":"T","properties":{"x":{"title":"Q","type":"string"}}},"b":{"items":{"title":"Q","type":"string"}},"c":{"not":{}}},"required":["a"]}""", null)]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#"}}}""", "", "$ref")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#/$defs/p","minLength":1}},"$defs":{"p":{"minLength":2}}}""", "", "$ref")]
    [InlineData("""{"type":"object","oneOf":[{}]}""", "", "oneOf")]
    public void References_AreWrittenOut(string schema, string inlined, string? problem)
    {
        Assert.Equal(problem, InlinedSchema.Problem(JsonElement.Parse(schema)));
        if (problem is null)
        {
            Assert.Equal(inlined, Encoding.UTF8.GetString(Belay.Models.RequestJson.Write(json => InlinedSchema.Write(json, JsonElement.Parse(schema))).Span));
        }
    }

    [Fact]
    public void ReferencesThatDoubleEachTime_AreNotWrittenOut()
    {
        var schema = """{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{"d30":{}"""
            + string.Concat(Enumerable.Range(0, 30).Select(i => $$$""","d{{{i}}}":{"properties":{"l":{"$ref":"#/$defs/d{{{i + 1}}}"},"r":{"$ref":"#/$defs/d{{{i + 1}}}"} } }""")) + "}}";

        Assert.Empty(SchemaCheck.Problems(JsonElement.Parse(schema), "s"));
        Assert.Equal("$ref", InlinedSchema.Problem(JsonElement.Parse(schema)));
    }
}
