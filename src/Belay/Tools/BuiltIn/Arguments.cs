using System.Text.Json;

namespace Belay.Tools.BuiltIn;

/// <summary>Reads the arguments of a built-in tool and collects everything that is wrong with them, in words the model can act on.</summary>
internal sealed class Arguments
{
    private readonly JsonElement _input;
    private readonly List<string> _problems = [];

    public Arguments(JsonElement input)
    {
        _input = input;
        if (input.ValueKind != JsonValueKind.Object)
        {
            Problem($"they must be a JSON object, but are of kind {input.ValueKind}");
        }
    }

    /// <summary>An error naming every problem; null when there is none.</summary>
    public ToolResult? Refusal => _problems.Count == 0 ? null : ToolResult.Error("Error: invalid arguments: " + string.Join("; ", _problems));

    public void Problem(string problem) => _problems.Add(problem);

    /// <summary>A text; null, with a problem when it is required, when it is absent or no text.</summary>
    public string? Text(string name, bool required, int longest)
    {
        if (!TryGet(name, out var value))
        {
            if (required)
            {
                Problem($"'{name}' is required");
            }

            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            Problem($"'{name}' must be a string");
            return null;
        }

        var text = value.GetString()!;
        if (text.Length > longest)
        {
            Problem($"'{name}' must have at most {longest} characters, but has {text.Length}");
        }

        return text;
    }

    /// <summary>A whole number; null when it is absent or wrong.</summary>
    public int? Number(string name, bool required, int lowest, int highest)
    {
        if (!TryGet(name, out var value))
        {
            if (required)
            {
                Problem($"'{name}' is required");
            }

            return null;
        }

        // Models write 60.0 for 60.
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || number != Math.Floor(number))
        {
            Problem($"'{name}' must be an integer");
            return null;
        }

        if (number < lowest || number > highest)
        {
            Problem($"'{name}' must be from {lowest} to {highest}, but is {number:0}");
            return null;
        }

        return (int)number;
    }

    /// <summary>Two whole numbers; null when absent or wrong.</summary>
    public (int First, int Last)? Range(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 2 ||
            value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out _)))
        {
            Problem($"'{name}' must be an array of two integers");
            return null;
        }

        var (first, last) = (value[0].GetInt32(), value[1].GetInt32());
        if (first < 1 || (last != -1 && last < first))
        {
            Problem($"'{name}' must be [start, end] with start at least 1 and end at least start, or -1 for the end of the file");
            return null;
        }

        return (first, last);
    }

    private bool TryGet(string name, out JsonElement value)
    {
        value = default;
        return _input.ValueKind == JsonValueKind.Object && _input.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
    }
}
