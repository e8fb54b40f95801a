using System.Reflection;
using System.Runtime.Loader;

namespace Belay.Bench.Loop.Profile;

/// <summary>A type, open where it is generic, and its arguments.</summary>
internal sealed record TypeName(Type Type, IReadOnlyList<TypeName> Arguments, bool IsArray);

/// <summary>Finds the types of a program and of the framework by the names that the runtime gives them.</summary>
internal sealed class TypeNames
{
    private static readonly Dictionary<string, string> Short = new(StringComparer.Ordinal)
    {
        ["bool"] = "System.Boolean",
        ["byte"] = "System.SByte",
        ["ubyte"] = "System.Byte",
        ["char"] = "System.Char",
        ["short"] = "System.Int16",
        ["ushort"] = "System.UInt16",
        ["int"] = "System.Int32",
        ["uint"] = "System.UInt32",
        ["long"] = "System.Int64",
        ["ulong"] = "System.UInt64",
        ["float"] = "System.Single",
        ["double"] = "System.Double",
        ["ptr"] = "System.IntPtr",
    };

    private readonly ILookup<string, Type> _types;

    /// <summary>Reads the types of the program in a folder and of the framework.</summary>
    public TypeNames(string folder)
    {
        var program = new Folder(folder);
        string[] framework = [Path.GetDirectoryName(typeof(object).Assembly.Location)!, Path.GetDirectoryName(typeof(Microsoft.AspNetCore.Http.HttpContext).Assembly.Location)!];
        _types = framework.SelectMany(path => Directory.EnumerateFiles(path, "*.dll")).Select(path => Load(AssemblyLoadContext.Default, path))
            .Concat(Directory.EnumerateFiles(folder, "*.dll").Select(path => Load(program, path)))
            .Append(typeof(object).Assembly)
            .OfType<Assembly>().Distinct()
            .SelectMany(Types)
            .ToLookup(type => type.FullName!, StringComparer.Ordinal);
    }

    /// <summary>Where a character is outside of brackets, from a place on; -1 when it is nowhere.</summary>
    public static int Find(string text, char sought, int from)
    {
        var depth = 0;
        for (var i = from; i < text.Length; i++)
        {
            if (depth == 0 && text[i] == sought)
            {
                return i;
            }

            depth += text[i] is '[' or '<' ? 1 : text[i] is ']' or '>' ? -1 : 0;
        }

        return -1;
    }

    /// <summary>The parts of a list, at the commas outside of brackets.</summary>
    public static IReadOnlyList<string> Split(string list)
    {
        var parts = new List<string>();
        for (var from = 0; from < list.Length;)
        {
            var comma = Find(list, ',', from);
            var end = comma < 0 ? list.Length : comma;
            parts.Add(list[from..end]);
            from = end + 1;
        }

        return parts;
    }

    /// <summary>The type of a name; null when there is none, as of what exists only while a program runs.</summary>
    public TypeName? Parse(string name)
    {
        var isArray = name.EndsWith("[]", StringComparison.Ordinal);
        name = isArray ? name[..^2] : name;
        var bracket = name.IndexOf('[', StringComparison.Ordinal);
        var plain = bracket < 0 ? name : name[..bracket];
        var arguments = bracket < 0 ? [] : Split(name[(bracket + 1)..^1]).Select(Parse).ToList();
        return arguments.TrueForAll(argument => argument is not null)
            && _types[Short.GetValueOrDefault(plain, plain)].FirstOrDefault(type => type.GetGenericArguments().Length == arguments.Count) is { } found
            ? new(found, arguments!, isArray)
            : null;
    }

    private static Assembly? Load(AssemblyLoadContext context, string path)
    {
        try
        {
            return context.LoadFromAssemblyPath(path);
        }
        catch (Exception other) when (other is BadImageFormatException or FileLoadException or FileNotFoundException)
        {
            // No assembly, or the runtime's own one, which is loaded by nobody.
            return null;
        }
    }

    private static IEnumerable<Type> Types(Assembly assembly)
    {
        try
        {
            return assembly.GetTypes();
        }
        catch (ReflectionTypeLoadException some)
        {
            return some.Types.OfType<Type>();
        }
    }

    // The program's own assemblies, also where the bench has some of the same name.
    private sealed class Folder(string path) : AssemblyLoadContext("program")
    {
        protected override Assembly? Load(AssemblyName assemblyName)
        {
            var file = Path.Combine(path, $"{assemblyName.Name}.dll");
            return File.Exists(file) ? LoadFromAssemblyPath(file) : null;
        }
    }
}
