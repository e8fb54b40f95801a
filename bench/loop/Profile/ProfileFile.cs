using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Belay.Bench.Loop.Profile;

/// <summary>
/// Writes a profile as crossgen2 reads it: an assembly without types, one method of which refers to every profiled method, one after the other, and
/// another to that one.
/// </summary>
internal sealed class ProfileFile
{
    private const BindingFlags Every = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    // What the runtime calls the argument that stands for every class, and where crossgen2 looks for it.
    private const string Canon = "System.__Canon";
    private const string CanonAssembly = "System.Private.Canon";

    private static readonly Guid Id = new("5d0e2c5c-7b1a-4d8b-9a57-1f0a3f3b7c11");
    private static readonly Version NoVersion = new(0, 0, 0, 0);

    private readonly MetadataBuilder _metadata = new();
    private readonly BlobBuilder _code = new();
    private readonly InstructionEncoder _list = new(new BlobBuilder());
    private readonly Dictionary<string, AssemblyReferenceHandle> _assemblies = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EntityHandle> _types = new(StringComparer.Ordinal);

    /// <summary>Methods so far.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a method. Of overloads with as many parameters, all are added: the runtime's names do not always tell them apart.</summary>
    public void Add(TypeName owner, string name, IReadOnlyList<TypeName> arguments, int parameters)
    {
        foreach (var method in owner.Type.GetMembers(Every).OfType<MethodBase>().Where(method => method.Name == name && method.GetParameters().Length == parameters && Arity(method) == arguments.Count))
        {
            if (method.GetParameters().Select(parameter => parameter.ParameterType).Append((method as MethodInfo)?.ReturnType ?? typeof(void)).Any(IsUnusual))
            {
                continue;
            }

            var parent = owner.Arguments.Count == 0 ? Reference(owner.Type) : _metadata.AddTypeSpecification(Blob(blob => Encode(new(blob), owner)));
            EntityHandle reference = _metadata.AddMemberReference(parent, _metadata.GetOrAddString(name), Blob(blob => EncodeSignature(blob, method)));
            if (arguments.Count > 0)
            {
                reference = _metadata.AddMethodSpecification(reference, Blob(blob =>
                {
                    var encoder = new BlobEncoder(blob).MethodSpecificationSignature(arguments.Count);
                    foreach (var argument in arguments)
                    {
                        Encode(encoder.AddArgument(), argument);
                    }
                }));
            }

            _list.OpCode(ILOpCode.Ldtoken);
            _list.Token(reference);
            _list.OpCode(ILOpCode.Pop);
            Count++;
        }
    }

    /// <summary>The file.</summary>
    /// <param name="home">Name of the assembly that the methods are for.</param>
    public byte[] ToArray(string home)
    {
        _list.OpCode(ILOpCode.Ret);
        var bodies = new MethodBodyStreamEncoder(_code);
        var list = bodies.AddMethodBody(_list);
        var index = new InstructionEncoder(new BlobBuilder());
        index.LoadString(_metadata.GetOrAddUserString($"{home};"));
        index.OpCode(ILOpCode.Ldtoken);
        index.Token(MetadataTokens.MethodDefinitionHandle(1));
        index.OpCode(ILOpCode.Pop);
        index.OpCode(ILOpCode.Ret);
        var dictionary = bodies.AddMethodBody(index);

        _metadata.AddModule(0, _metadata.GetOrAddString("start.dll"), _metadata.GetOrAddGuid(Id), default, default);
        _metadata.AddAssembly(_metadata.GetOrAddString("start"), NoVersion, default, default, 0, AssemblyHashAlgorithm.None);
        _metadata.AddTypeDefinition(0, default, _metadata.GetOrAddString("<Module>"), default, MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        var nothing = Blob(blob => new BlobEncoder(blob).MethodSignature().Parameters(0, result => result.Void(), _ => { }));
        _metadata.AddMethodDefinition(MethodAttributes.Public | MethodAttributes.Static, 0, _metadata.GetOrAddString("Methods"), nothing, list, default);
        _metadata.AddMethodDefinition(MethodAttributes.Public | MethodAttributes.Static, 0, _metadata.GetOrAddString("AssemblyDictionary"), nothing, dictionary, default);

        var image = new BlobBuilder();
        new ManagedPEBuilder(PEHeaderBuilder.CreateLibraryHeader(), new(_metadata), _code, deterministicIdProvider: _ => new(Id, 1)).Serialize(image);
        return image.ToArray();
    }

    private static int Arity(MethodBase method) => method.IsGenericMethodDefinition ? method.GetGenericArguments().Length : 0;

    private static bool IsUnusual(Type type) =>
        type.IsFunctionPointer || type.IsVariableBoundArray || (type.IsArray && type.GetArrayRank() > 1) || (type.HasElementType && IsUnusual(type.GetElementType()!));

    private void EncodeSignature(BlobBuilder blob, MethodBase method)
    {
        var parameters = method.GetParameters();
        new BlobEncoder(blob).MethodSignature(genericParameterCount: Arity(method), isInstanceMethod: !method.IsStatic).Parameters(
            parameters.Length,
            result =>
            {
                if (method is MethodInfo { ReturnParameter: var returned } && returned.ParameterType != typeof(void))
                {
                    EncodeModifiers(result.CustomModifiers(), returned);
                    Encode(result.Type(returned.ParameterType.IsByRef), returned.ParameterType);
                    return;
                }

                EncodeModifiers(result.CustomModifiers(), (method as MethodInfo)?.ReturnParameter);
                result.Void();
            },
            encoder =>
            {
                foreach (var parameter in parameters)
                {
                    var one = encoder.AddParameter();
                    EncodeModifiers(one.CustomModifiers(), parameter);
                    Encode(one.Type(parameter.ParameterType.IsByRef), parameter.ParameterType);
                }
            });
    }

    private void EncodeModifiers(CustomModifiersEncoder encoder, ParameterInfo? parameter)
    {
        foreach (var modifier in parameter?.GetRequiredCustomModifiers() ?? [])
        {
            encoder.AddModifier(Reference(modifier), isOptional: false);
        }

        foreach (var modifier in parameter?.GetOptionalCustomModifiers() ?? [])
        {
            encoder.AddModifier(Reference(modifier), isOptional: true);
        }
    }

    // A type as the open method names it.
    private void Encode(SignatureTypeEncoder encoder, Type type)
    {
        switch (type)
        {
            case { IsByRef: true }:
                Encode(encoder, type.GetElementType()!);
                break;
            case { IsGenericMethodParameter: true }:
                encoder.GenericMethodTypeParameter(type.GenericParameterPosition);
                break;
            case { IsGenericParameter: true }:
                encoder.GenericTypeParameter(type.GenericParameterPosition);
                break;
            case { IsArray: true }:
                Encode(encoder.SZArray(), type.GetElementType()!);
                break;
            case { IsPointer: true } when type.GetElementType() == typeof(void):
                encoder.VoidPointer();
                break;
            case { IsPointer: true }:
                Encode(encoder.Pointer(), type.GetElementType()!);
                break;
            case { IsGenericType: true }:
                var instance = encoder.GenericInstantiation(Reference(type.GetGenericTypeDefinition()), type.GetGenericArguments().Length, type.IsValueType);
                foreach (var argument in type.GetGenericArguments())
                {
                    Encode(instance.AddArgument(), argument);
                }

                break;
            default:
                EncodePlain(encoder, type);
                break;
        }
    }

    // A type with the arguments that it was compiled for.
    private void Encode(SignatureTypeEncoder encoder, TypeName name)
    {
        if (name.IsArray)
        {
            Encode(encoder.SZArray(), name with { IsArray = false });
        }
        else if (name.Arguments.Count == 0)
        {
            EncodePlain(encoder, name.Type);
        }
        else
        {
            var instance = encoder.GenericInstantiation(Reference(name.Type), name.Arguments.Count, name.Type.IsValueType);
            foreach (var argument in name.Arguments)
            {
                Encode(instance.AddArgument(), argument);
            }
        }
    }

    private void EncodePlain(SignatureTypeEncoder encoder, Type type)
    {
        if (type.IsPrimitive)
        {
            encoder.PrimitiveType(Enum.Parse<PrimitiveTypeCode>(type.Name));
        }
        else if (type == typeof(object))
        {
            encoder.Object();
        }
        else if (type == typeof(string))
        {
            encoder.String();
        }
        else
        {
            encoder.Type(Reference(type), type.IsValueType);
        }
    }

    private EntityHandle Reference(Type type)
    {
        if (_types.TryGetValue(type.AssemblyQualifiedName!, out var known))
        {
            return known;
        }

        var scope = type.DeclaringType is { } outer ? Reference(outer) : type.FullName == Canon ? Assembly(CanonAssembly) : Assembly(type.Assembly.GetName().Name!);
        var space = type.DeclaringType is null && type.Namespace is { } name ? _metadata.GetOrAddString(name) : default;
        return _types[type.AssemblyQualifiedName!] = _metadata.AddTypeReference(scope, space, _metadata.GetOrAddString(type.Name));
    }

    private EntityHandle Assembly(string name) => _assemblies.TryGetValue(name, out var known)
        ? known
        : _assemblies[name] = _metadata.AddAssemblyReference(_metadata.GetOrAddString(name), NoVersion, default, default, 0, default);

    private BlobHandle Blob(Action<BlobBuilder> write)
    {
        var blob = new BlobBuilder();
        write(blob);
        return _metadata.GetOrAddBlob(blob);
    }
}
