using System.Text;
using Belay.Cli.Projects;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.Cli;

/// <summary>A file from a stranger's repository costs little to refuse, and is refused in words.</summary>
public sealed class HostileYamlTests
{
    public static TheoryData<string, string> Hostile => new()
    {
        { "deep flow", new string('[', 100_000) },
        { "deep block", string.Concat(Enumerable.Range(0, 200).Select(depth => new string(' ', depth) + "a:\n")) },
        { "many nodes", "a: [" + string.Concat(Enumerable.Repeat("1,", YamlReader.MaxNodes)) + "1]" },
        { "many keys of one name", string.Concat(Enumerable.Repeat("a: 1\n", 20_000)) },
        { "laughs", string.Concat(Enumerable.Range(0, 20).Select(at => $"a{at}: &a{at} [{string.Join(", ", Enumerable.Repeat(at == 0 ? "lol" : $"*a{at - 1}", 9))}]\n")) },
        { "long key", new string('k', 900_000) + ": 1" },
        { "many unknown keys", string.Concat(Enumerable.Range(0, 20_000).Select(at => $"k{at}: 1\n")) },
        { "colons", string.Concat(Enumerable.Repeat("? : ", 20_000)) },
        { "open quote", "a: \"" + new string('x', 900_000) },
        { "unknown escape", "a: \"\\U7fffffff\"" },
        { "half a pair", "a: \"\\uD800\"" },
        { "control characters", "a: \u0007\u0000\u001b[2J" },
        { "directive", "%YAML 9.9\n---\nname: a" },
        { "own tag", "%TAG ! tag:example.org,2000:\n---\n!foo {name: a}" },
        { "merge", "name: a\n<<: {maxIterations: 1}" },
        { "recursive", "&a [*a]" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void HostileFiles_AreRefusedWithPlacesAndWithoutEnd(string what, string yaml)
    {
        var (project, problems) = ProjectFolder.Read(yaml);

        Assert.True(project is null, what);
        Assert.InRange(problems.Count, 1, 100);
        Assert.All(problems, problem => Assert.Matches(@"^\d+:\d+: ", problem));
        Assert.All(problems, problem => Assert.InRange(problem.Length, 1, 2000));
    }

    [Fact]
    public void TooLargeFiles_AreNotRead()
    {
        var (_, problems) = ProjectFolder.Read("# " + new string('x', ProjectText.MaxBytes));

        Assert.Equal(["1:1: is too large: a file of a project has at most 1048576 bytes"], problems);
    }

    [Fact]
    public void BytesThatAreNoText_AreReportedWhereTheyAre()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, [.. Encoding.UTF8.GetBytes("name: a\nb: "), 0xC3, 0x28]);
            var problems = new List<FileProblem>();

            Assert.Null(ProjectText.Read(file, "f", problems));
            Assert.Equal("f:2:4: is not UTF-8 text", Assert.Single(problems).ToString());
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Whatever stands in a file, it is a project or it has problems; nothing else comes out.</summary>
    [Fact]
    public void AnyText_IsReadOrExplained()
    {
        string[] pieces =
        [
            "name: a\n", "model:\n", "  bedrockModelConfig: {modelId: m}\n", "tools:\n", "- type: remote_mcp\n", "  config: {remoteMcp: {url: 'http://x'}}\n", "memory: {disabled: {}}\n",
            "{", "}", "[", "]", ",", ": ", "? ", "- ", "&a ", "*a", "!!str ", "!<x> ", "|\n", ">-\n ", "'", "\"", "\\U0010FFFF", "\\x", "# c\n", "---\n", "...\n", "%YAML 1.2\n", "\t", "\r\n", "\u0085", "\ud83d\ude00", "\u0000", "~", "1e999", ".nan", "0x1F",
            "maxIterations: 1e400\n", "environmentVariables: {a: \"\\uD83D\"}\n", "  ", "\n",
        ];
        Prop.ForAll(Gen.Elements(pieces).ListOf().ToArbitrary(), chosen =>
        {
            var problems = new List<FileProblem>();
            var node = YamlReader.Read(string.Concat(chosen), "f", problems);
            return node is not null || problems.Count > 0;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
        Prop.ForAll(Gen.Elements(pieces).ListOf().ToArbitrary(), chosen =>
        {
            var (project, problems) = ProjectFolder.Read(string.Concat(chosen));
            return project is null == problems.Count > 0;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }
}
