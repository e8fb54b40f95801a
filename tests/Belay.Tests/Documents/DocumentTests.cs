using System.Text.RegularExpressions;
using Belay.Testing.Processes;

namespace Belay.Tests.Documents;

/// <summary>Documents that point somewhere: links, the index of decisions, the tests that promises name.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] NotOurs = ["artifacts", "node_modules", ".git", ".belay"];

    private static string Root => RepositoryPaths.Root;

    public static TheoryData<string> Documents => [.. Files(Root).Select(path => Path.GetRelativePath(Root, path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void RelativeLinks_Resolve(string document)
    {
        var path = Path.Combine(Root, document);
        var broken = Links(path).Where(link => !Resolves(path, link));

        Assert.Empty(broken);
    }

    [Fact]
    public void EveryDecision_IsInTheIndexUnderItsTitle()
    {
        var folder = Path.Combine(Root, "docs", "decisions");
        var index = File.ReadAllText(Path.Combine(folder, "README.md"));

        var missing = Directory.EnumerateFiles(folder, "????-*.md")
            .Where(path => !index.Contains($"[{Title(path)}]({Path.GetFileName(path)})", StringComparison.Ordinal))
            .Select(path => $"| {Path.GetFileName(path)[..4]} | [{Title(path)}]({Path.GetFileName(path)}) | accepted |");

        Assert.Empty(missing);
    }

    [Fact]
    public void Decisions_HaveNumbersOfTheirOwnAndEveryPart()
    {
        var decisions = Directory.EnumerateFiles(Path.Combine(Root, "docs", "decisions"), "????-*.md").ToList();

        Assert.Equal(decisions.Count, decisions.Select(path => Path.GetFileName(path)[..4]).Distinct().Count());
        Assert.All(decisions, path => Assert.All(
            (string[])["\nStatus: ", "\n## Context\n", "\n## Options\n", "\n## Decision\n", "\n## Consequences\n"],
            part => Assert.Contains(part, File.ReadAllText(path), StringComparison.Ordinal)));
    }

    [Fact]
    public void Promises_NameTestsThatExist()
    {
        var classes = Directory.EnumerateFiles(Path.Combine(Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(path => TestClass().Matches(File.ReadAllText(path)).Select(name => name.Groups[1].Value))
            .ToList();
        var promises = File.ReadLines(Path.Combine(Root, "SPECIFICATION.md"))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| promise |", StringComparison.Ordinal))
            .Select(line => line.Split('|')[^2]);

        var wrong = promises.Where(tests => tests.Trim() != "not yet tested"
            && (!Name().IsMatch(tests) || Name().Matches(tests).Any(name => !classes.Contains(name.Groups[1].Value))));

        Assert.Empty(wrong);
        Assert.Equal(classes.Distinct(), classes);
    }

    private static IEnumerable<string> Links(string path)
    {
        // Code is not prose: what looks like a link in it is none.
        var text = Fence().Replace(File.ReadAllText(path), "");
        return Link().Matches(text).Select(match => match.Groups["target"].Value).Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal));
    }

    private static bool Resolves(string document, string link)
    {
        var parts = link.Split('#', 2);
        var target = parts[0].Length == 0 ? document : Path.GetFullPath(Uri.UnescapeDataString(parts[0]), Path.GetDirectoryName(document)!);
        return (File.Exists(target) || Directory.Exists(target))
            && (parts.Length == 1 || File.ReadLines(target).Any(line => line.StartsWith('#') && Anchor(line) == parts[1]));
    }

    private static string Anchor(string heading) =>
        NotInAnchors().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');

    private static string Title(string path) => File.ReadLines(path).First().Split(": ", 2)[^1];

    private static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(folder, "*.md").Concat(
        Directory.EnumerateDirectories(folder).Where(child => !NotOurs.Contains(Path.GetFileName(child))).SelectMany(Files));

    [GeneratedRegex(@"^```.*?^```|`[^`\n]*`", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`([A-Za-z0-9]+)`")]
    private static partial Regex Name();

    // The further parts of a class say no more than partial.
    [GeneratedRegex(@"^(?:public|internal) (?!partial)[a-z ]*class (\w+(?:Tests|Contract))\b", RegexOptions.Multiline)]
    private static partial Regex TestClass();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
