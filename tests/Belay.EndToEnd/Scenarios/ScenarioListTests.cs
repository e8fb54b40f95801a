using System.Text.RegularExpressions;

namespace Belay.EndToEnd.Scenarios;

/// <summary>Both clients hold the same list, so that a scenario cannot be forgotten in one of them.</summary>
public sealed partial class ScenarioListTests
{
    [Fact]
    public void JavaScript_HasEveryScenario() =>
        Assert.Equal(ScenarioList.For("javascript"), NamesIn("javascript/scenarios.mjs", JavaScriptName()));

    [Fact]
    public void Python_HasEveryScenario() =>
        Assert.Equal(ScenarioList.For("python"), NamesIn("python/scenarios.py", PythonName()).Select(name => name.Replace('_', '-')));

    private static IEnumerable<string> NamesIn(string file, Regex name) =>
        name.Matches(File.ReadAllText(Path.Combine(ScenarioList.Folder, file))).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"^  async '([^']+)'\(", RegexOptions.Multiline)]
    private static partial Regex JavaScriptName();

    [GeneratedRegex(@"^@scenario\ndef (\w+)\(", RegexOptions.Multiline)]
    private static partial Regex PythonName();
}
